package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// render prints the results as a Markdown table with aligned columns, by row,
// and reports whether none missed.
func render(w io.Writer, results []result) (held bool) {
	results = slices.Clone(results)
	slices.SortStableFunc(results, func(a, b result) int { return a.Row - b.Row })
	table := [][]string{{"row", "bar", "measured", "verdict", "seed"}}
	held = len(results) > 0
	for _, r := range results {
		held = held && r.Verdict != verdictMissed
		seed := ""
		if r.Seed > 0 {
			seed = strconv.FormatUint(r.Seed, 10)
		}
		table = append(table, []string{strconv.Itoa(r.Row), cell(r.Bar), cell(r.Measured), string(r.Verdict), seed})
	}
	widths := make([]int, len(table[0]))
	for _, line := range table {
		for i, text := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	for n, line := range table {
		for i, text := range line {
			line[i] = text + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
		}
		_, _ = fmt.Fprintf(w, "| %s |\n", strings.Join(line, " | "))
		if n == 0 {
			for i := range line {
				line[i] = strings.Repeat("-", widths[i])
			}
			_, _ = fmt.Fprintf(w, "| %s |\n", strings.Join(line, " | "))
		}
	}
	return held
}

// cell keeps a text inside its column.
func cell(text string) string { return strings.NewReplacer("|", "/", "\n", " ").Replace(text) }
