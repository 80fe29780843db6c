package tools

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/posthog-mcp/posthog-mcp/tools/untrusted"
)

// grid is one table of an answer while it is being fitted.
type grid struct {
	name    string // field that holds it, "" for the answer's own
	columns []string
	width   int    // columns shown
	pipes   bool   // written with pipes, else as CSV
	raw     []any  // rows as they came: []any of plain Go values or of a tree
	dropped bool   // rows beyond any bound were left out of raw
	rows    []row  // those that fit
	found   int    // row_count
	total   string // rows that match in PostHog, "" when unknown
	cursor  string
	more    bool
	units   string
	after   func(n int) string // CursorAfter
}

// row is one row in both forms, each ready to be written.
type row struct {
	line string          // with its line feed
	json json.RawMessage //
}

func isTable(obj object) bool {
	_, cols := obj.get("columns")
	_, count := obj.get("row_count")
	return cols && count
}

// read takes a table out of the tree of an answer.
func (g *grid) read(obj object) {
	for _, m := range obj {
		switch v := m.val.(type) {
		case []any:
			switch m.key {
			case "columns":
				for _, c := range v {
					s, _ := c.(string) // Table.Columns are strings
					g.columns = append(g.columns, cleanText(s, 100))
				}
			case "rows":
				g.raw = v
			}
		case json.Number:
			switch m.key {
			case "row_count":
				n, _ := v.Int64()
				g.found = int(n)
			case "total":
				g.total = v.String()
			}
		case string:
			switch m.key {
			case "cursor":
				g.cursor = untrusted.Line(v)
			case "units":
				g.units = bounded(v, 200)
			}
		case bool:
			g.more = g.more || m.key == "has_more" && v
		}
	}
	g.found = max(g.found, len(g.raw))
	g.width = len(g.columns)
}

// row writes the i-th row, with cells of at most n characters.
func (g *grid) row(i, n int) row {
	cells, ok := g.raw[i].([]any)
	if !ok {
		cells = []any{g.raw[i]}
	}
	cells = cells[:min(len(cells), g.width)]
	safe := make([]any, len(cells))
	for j, c := range cells {
		safe[j] = clean(tree(c), n)
	}
	return row{line: g.line(safe), json: appendTree(nil, safe)}
}

// header gives the columns shown.
func (g *grid) header() []any {
	names := make([]any, g.width)
	for i, c := range g.columns[:g.width] {
		names[i] = c
	}
	return names
}

// members gives the table's fields for the structured form.
func (g *grid) members() object {
	rows := make([]any, len(g.rows))
	for i, r := range g.rows {
		rows[i] = r.json
	}
	obj := object{{"columns", g.header()}, {"rows", rows}, {"row_count", g.found}}
	if len(g.rows) < g.found {
		obj = append(obj, member{"rows_shown", len(g.rows)})
	}
	if g.total != "" {
		obj = append(obj, member{"total", json.Number(g.total)})
	}
	if g.more {
		obj = append(obj, member{"has_more", true})
	}
	for _, m := range []member{{"cursor", g.cursor}, {"units", g.units}} {
		if m.val != "" {
			obj = append(obj, m)
		}
	}
	return obj
}

// write gives the table's lines: counts and the way to the rest, then the rows.
func (g *grid) write(b *strings.Builder) {
	b.WriteString(g.summary())
	b.WriteByte('\n')
	b.WriteString(g.line(g.header()))
	if g.pipes {
		b.WriteString("|" + strings.Repeat("-|", g.width) + "\n")
	}
	for _, r := range g.rows {
		b.WriteString(r.line)
	}
}

// summary says how many rows there are and how to get the rest.
func (g *grid) summary() string {
	var b strings.Builder
	if g.name != "" {
		b.WriteString(untrusted.Line(g.name) + ": ")
	}
	shown := len(g.rows)
	switch {
	case shown < g.found && shown > 0:
		fmt.Fprintf(&b, "rows 1-%d of %d", shown, g.found)
	case g.found == 1:
		b.WriteString("1 row")
	default:
		fmt.Fprintf(&b, "%d rows", g.found)
	}
	switch {
	case g.total != "" && g.total == strconv.Itoa(g.found):
		b.WriteString(" in all")
	case g.total != "":
		b.WriteString(" of " + g.total + " in all")
	case g.more:
		b.WriteString(", more exist")
	}
	if g.cursor != "" {
		b.WriteString("; next: cursor=" + g.cursor)
	}
	if g.units != "" {
		b.WriteString("; units: " + g.units)
	}
	return b.String()
}

// line writes one row for the text form.
func (g *grid) line(cells []any) string {
	var b strings.Builder
	for i, c := range cells {
		switch {
		case g.pipes:
			b.WriteString("|" + untrusted.Cell(cellText(c)))
		case i > 0:
			b.WriteString("," + csvCell(cellText(c)))
		default:
			b.WriteString(csvCell(cellText(c)))
		}
	}
	if g.pipes {
		b.WriteByte('|')
	}
	b.WriteByte('\n')
	return b.String()
}

// cellText writes a cell: null is empty, nested values are compact JSON.
func cellText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return string(appendTree(nil, v))
	}
}

// csvCell quotes a cell where RFC 4180 asks for it, and shows line feeds as \n so
// that one row is one line.
func csvCell(s string) string {
	s = untrusted.Line(s)
	if !strings.ContainsAny(s, `,"`) && strings.TrimSpace(s) == s {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// take fills rows until one of the two forms has used up its share, and gives
// what the rows cost in each. A table of which few rows fit is written with
// pipes however long it was.
func (g *grid) take(room, cell int) (text, structured int) {
	g.pipes = len(g.raw) <= maxPipeRows
	text, structured = g.fill(room, cell)
	if !g.pipes && len(g.rows) <= maxPipeRows {
		g.pipes = true
		rule := len("-|")*g.width + len("|\n|") + g.width // the line below the header, and its own pipes
		text, structured = g.fill(room-rule, cell)
		text += rule
	}
	return text, structured
}

func (g *grid) fill(room, cell int) (text, structured int) {
	g.rows = g.rows[:0]
	for i := range g.raw {
		r := g.row(i, cell)
		t, s := utf8.RuneCountInString(r.line), utf8.RuneCount(r.json)+1
		if text+t > room || structured+s > room {
			break
		}
		text, structured = text+t, structured+s
		g.rows = append(g.rows, r)
	}
	return text, structured
}
