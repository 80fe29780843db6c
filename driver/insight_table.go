package driver

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// tabulate turns an insight's result into rows, or gives nil for a kind or
// shape that it does not know; the raw result is there then.
func tabulate(kind string, raw json.RawMessage, columns []string) *InsightTable {
	if isNull(raw) {
		return nil
	}
	switch kind {
	case "HogQLQuery":
		return tabulateRows(raw, columns)
	case "TrendsQuery", "StickinessQuery", "LifecycleQuery":
		return tabulateSeries(raw)
	case "FunnelsQuery":
		groups, err := readFunnel(raw)
		if err != nil {
			return nil
		}
		return tabulateFunnel(groups)
	case "RetentionQuery":
		return tabulateRetention(raw)
	case "PathsQuery":
		return tabulatePaths(raw)
	}
	return nil
}

func tabulateRows(raw json.RawMessage, columns []string) *InsightTable {
	var rows [][]any
	if decodeJSON(raw, &rows) != nil {
		return nil
	}
	for i := len(columns); len(rows) > 0 && i < len(rows[0]); i++ {
		columns = append(columns, fmt.Sprintf("column_%d", i+1))
	}
	return &InsightTable{Columns: columns, Rows: rows}
}

// tabulateSeries puts dates into rows and series into columns. A series without
// dates (a total, a pie) is a row of its own.
func tabulateSeries(raw json.RawMessage) *InsightTable {
	var series []struct {
		Label      string        `json:"label"`
		Status     string        `json:"status"`        // lifecycle
		Compare    string        `json:"compare_label"` // current or previous
		Count      json.Number   `json:"count"`
		Aggregated *json.Number  `json:"aggregated_value"`
		Data       []json.Number `json:"data"`
		Days       []any         `json:"days"`
		Labels     []any         `json:"labels"`
	}
	if decodeJSON(raw, &series) != nil {
		return nil
	}
	t := &InsightTable{Columns: []string{"date"}}
	var totals [][]any
	var days []any
	for i, s := range series {
		name := breakdownLabel(s.Label)
		for _, more := range []string{s.Status, s.Compare} {
			if more != "" && !strings.Contains(name, more) {
				name += " (" + more + ")"
			}
		}
		if slices.Contains(t.Columns, name) || name == "" {
			name = fmt.Sprintf("%s #%d", name, i+1)
		}
		if len(s.Data) == 0 {
			var value any = s.Count
			if s.Aggregated != nil {
				value = *s.Aggregated
			}
			totals = append(totals, []any{name, value})
			continue
		}
		t.Columns = append(t.Columns, name)
		if len(days) == 0 {
			if days = s.Days; len(days) != len(s.Data) {
				days = s.Labels
			}
		}
		for j, v := range s.Data {
			if j == len(t.Rows) {
				row := []any{j + 1}
				if j < len(days) {
					row[0] = days[j]
				}
				t.Rows = append(t.Rows, row)
			}
			for len(t.Rows[j]) < len(t.Columns)-1 {
				t.Rows[j] = append(t.Rows[j], nil)
			}
			t.Rows[j] = append(t.Rows[j], v)
		}
	}
	if len(t.Columns) == 1 {
		return &InsightTable{Columns: []string{"series", "value"}, Rows: totals}
	}
	for j := range t.Rows { // series of unequal length
		for len(t.Rows[j]) < len(t.Columns) {
			t.Rows[j] = append(t.Rows[j], nil)
		}
	}
	return t
}

func tabulateFunnel(groups []FunnelGroup) *InsightTable {
	t := &InsightTable{Columns: []string{"step", "count", "conversion", "median_seconds"}}
	broken := len(groups) > 1
	if broken {
		t.Columns = slices.Insert(t.Columns, 0, "breakdown")
	}
	for _, g := range groups {
		for _, s := range g.Steps {
			row := []any{s.Name, s.Count, s.FromFirst, nil}
			if s.MedianTime != nil {
				row[3] = s.MedianTime.Seconds()
			}
			if broken {
				row = slices.Insert(row, 0, any(g.Breakdown))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

func tabulateRetention(raw json.RawMessage) *InsightTable {
	var cohorts []struct {
		Date      any    `json:"date"`
		Label     string `json:"label"`
		Breakdown any    `json:"breakdown_value"`
		Values    []struct {
			Count json.Number `json:"count"`
		} `json:"values"`
	}
	if decodeJSON(raw, &cohorts) != nil {
		return nil
	}
	t := &InsightTable{Columns: []string{"cohort", "start"}}
	for _, c := range cohorts {
		label := any(c.Label)
		if c.Breakdown != nil {
			label = fmt.Sprintf("%s, %v", c.Label, c.Breakdown)
		}
		row := []any{label, c.Date}
		for i, v := range c.Values {
			if i+2 == len(t.Columns) {
				t.Columns = append(t.Columns, fmt.Sprintf("period_%d", i))
			}
			row = append(row, v.Count)
		}
		t.Rows = append(t.Rows, row)
	}
	for i := range t.Rows { // later cohorts have had fewer periods
		for len(t.Rows[i]) < len(t.Columns) {
			t.Rows[i] = append(t.Rows[i], nil)
		}
	}
	return t
}

func tabulatePaths(raw json.RawMessage) *InsightTable {
	var links []struct {
		Source string      `json:"source"`
		Target string      `json:"target"`
		Value  json.Number `json:"value"`
	}
	if decodeJSON(raw, &links) != nil {
		return nil
	}
	t := &InsightTable{Columns: []string{"from", "to", "paths"}}
	for _, l := range links {
		t.Rows = append(t.Rows, []any{l.Source, l.Target, l.Value})
	}
	return t
}
