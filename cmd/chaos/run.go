package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/score"
)

// verdict says how a row came out.
type verdict string

const (
	verdictHeld    verdict = "held"
	verdictMissed  verdict = "MISSED"
	verdictLeftOut verdict = "left out"
)

// result is one line of the table.
type result struct {
	Row      int
	Bar      string
	Measured string
	Verdict  verdict
	Seed     uint64 // 0: nothing was drawn
}

// run measures the suite's rows with go test. Whatever goes wrong is a row
// that missed: no row is silent.
func (s suite) run(ctx context.Context, seed uint64) []result {
	root, err := moduleRoot()
	if err != nil {
		return s.failed(err.Error())
	}
	args := []string{"test", "-json", "-count=1", "-timeout=20m", "-run", "^(" + strings.Join(s.tests, "|") + ")$", s.pkg}
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // our own packages
	cmd.Dir = filepath.Join(root, s.module)
	cmd.Env = append(os.Environ(), score.EnvMeasuring+"=1", fmt.Sprintf("%s=%d", score.EnvSeed, seed))
	cmd.Env = append(cmd.Env, s.env...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return s.failed(err.Error())
	}
	if err := cmd.Start(); err != nil {
		return s.failed(err.Error())
	}
	results, failure := s.read(out)
	switch err := cmd.Wait(); {
	case err == nil || slices.ContainsFunc(results, func(r result) bool { return r.Verdict == verdictMissed }):
		return results
	case failure == "":
		failure = strings.TrimSpace(complaints.String() + " " + err.Error())
	}
	return append(results, s.failed(failure)...)
}

// failed gives a missed line for the suite's first row.
func (s suite) failed(why string) []result {
	return []result{{Row: s.rows[0], Bar: strings.Join(s.tests, ", ") + " passes", Measured: shorten(why), Verdict: verdictMissed}}
}

// event is a line of go test -json.
type event struct {
	Action string
	Test   string
	Output string
}

// read collects the rows from go test's output, and the first complaint.
func (s suite) read(out io.Reader) (results []result, failure string) {
	logs := make(map[string]string) // the latest line of a test's own log
	seen := make(map[int]bool)
	add := func(r result) {
		results = append(results, r)
		seen[r.Row] = true
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		switch e.Action {
		case "output", "build-output":
			text := strings.TrimRight(e.Output, "\n")
			if row, ok := score.Parse(text); ok {
				add(resultOf(row))
			} else if line, ok := logLine(text); ok {
				logs[e.Test] = line
				failure = firstOf(failure, complaint(line))
			} else {
				failure = firstOf(failure, complaint(text))
			}
		case "pass", "fail", "skip":
			b, ok := s.bars[e.Test]
			if !ok {
				continue
			}
			r := result{Row: b.row, Bar: b.text, Measured: firstOf(shorten(logs[e.Test]), "the test says nothing"), Verdict: verdictHeld}
			switch e.Action {
			case "fail":
				r.Verdict, r.Measured = verdictMissed, firstOf(shorten(failure), r.Measured)
			case "skip":
				r.Verdict = verdictLeftOut
			}
			add(r)
		}
	}
	if err := lines.Err(); err != nil {
		failure = firstOf(failure, err.Error())
	}
	for _, n := range s.rows {
		if !seen[n] {
			results = append(results, result{Row: n, Bar: strings.Join(s.tests, ", "), Measured: firstOf(shorten(failure), "no test measured it"), Verdict: verdictMissed})
		}
	}
	return results, failure
}

func resultOf(row score.Row) result {
	r := result{Row: row.Row, Bar: row.Bar, Measured: row.Measured, Verdict: verdictHeld, Seed: row.Seed}
	if !row.OK {
		r.Verdict = verdictMissed
	}
	return r
}

// logLine finds what a test logged: "    file_test.go:12: text".
func logLine(line string) (string, bool) {
	m := regexp.MustCompile(`^ +[a-z0-9_]+_test\.go:\d+: (.+)$`).FindStringSubmatch(line)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// complaint keeps what tells why a test or a build failed.
func complaint(line string) string {
	text := strings.TrimSpace(line)
	for _, mark := range []string{"Error:", "Messages:", "panic:", ".go:", "misses its bar"} {
		if strings.Contains(text, mark) && !strings.HasPrefix(text, "Error Trace:") {
			return strings.TrimSpace(strings.TrimPrefix(text, "Error:"))
		}
	}
	return ""
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// shorten makes a line of log fit the table: figures come first in it.
func shorten(text string) string {
	const most = 110
	text, _, _ = strings.Cut(text, ": [{") // the lists behind a summary
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// moduleRoot finds the product's module, from anywhere in the repository.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module github.com/posthog-mcp/posthog-mcp\n") {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("run it inside the repository")
		}
		dir = up
	}
}
