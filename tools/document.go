package tools

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/posthog-mcp/posthog-mcp/tools/untrusted"
)

// document is one answer on its way to both forms.
type document struct {
	head    object   // project; our own words
	notices []string // our own words
	own     bool     // nothing in it is from PostHog
	nonce   string
	raw     object  // facts as they came, tables taken out
	facts   object  // facts cleaned and bounded
	root    *grid   // the answer's own table; nil: none
	tables  []*grid // all tables, the root last
}

// read splits an answer into facts and tables.
func (d *document) read(answer object, after func(int) string, dropped bool) {
	root := isTable(answer)
	for _, m := range answer {
		obj, nested := m.val.(object)
		switch {
		case root && slices.Contains(tableKeys(), m.key):
		case nested && isTable(obj):
			d.tables = append(d.tables, readGrid(m.key, obj))
		default:
			d.raw = append(d.raw, m)
		}
	}
	if root {
		d.root = readGrid("", answer)
		d.root.after, d.root.dropped = after, dropped
		d.tables = append(d.tables, d.root)
	}
}

// tableKeys are the fields of a Table.
func tableKeys() []string {
	return []string{"columns", "rows", "row_count", "total", "has_more", "cursor", "units"}
}

// structured writes the structured form.
func (d *document) structured() json.RawMessage {
	obj := slices.Clone(d.head)
	if len(d.notices) > 0 {
		obj = append(obj, member{"notice", strings.Join(d.notices, " ")})
	}
	if !d.own {
		obj = append(obj, member{"data", dataNote})
	}
	obj = append(obj, d.facts...)
	for _, g := range d.tables {
		if g == d.root {
			obj = append(obj, g.members()...)
		} else {
			obj = append(obj, member{g.name, g.members()})
		}
	}
	return appendTree(nil, obj)
}

// text writes the text form: our own words first, then the fenced data.
func (d *document) text() string {
	var b strings.Builder
	for _, m := range d.head {
		fmt.Fprintf(&b, "%s: %s\n", m.key, inline(m.val))
	}
	for _, n := range d.notices {
		fmt.Fprintf(&b, "notice: %s\n", n)
	}
	if !d.own {
		fmt.Fprintf(&b, "<data-%s> %s:\n", d.nonce, dataNote)
	}
	for _, m := range d.facts {
		writeFact(&b, m)
	}
	for _, g := range d.tables {
		g.write(&b)
	}
	if !d.own {
		fmt.Fprintf(&b, "</data-%s>\n", d.nonce)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// writeFact writes one line, or an indented block for a text of several lines,
// so that no line of a text can pass for a fact.
func writeFact(b *strings.Builder, m member) {
	text := inline(m.val)
	if strings.Contains(text, "\n") {
		fmt.Fprintf(b, "%s:\n  %s\n", untrusted.Line(m.key), strings.ReplaceAll(text, "\n", "\n  "))
		return
	}
	fmt.Fprintf(b, "%s: %s\n", untrusted.Line(m.key), text)
}

// noticeRoom is kept free for what fitting itself has to say.
const noticeRoom = 200

// fit makes both forms keep to a number of characters. Rows go first, from the
// end; where not one row fits, or the facts alone are too long, texts are cut
// harder. Whatever is left out is named in a notice.
func (d *document) fit(budget int) {
	levels := []struct{ fact, cell int }{{2_000, 200}, {1_000, 200}, {500, 100}, {200, 50}, {100, 20}}
	for i, level := range levels {
		d.facts = make(object, 0, len(d.raw))
		for _, m := range d.raw {
			d.facts = append(d.facts, member{cleanText(m.key, 100), clean(m.val, level.fact)})
		}
		last := i == len(levels)-1
		if last {
			d.dropFacts(budget)
		}
		if d.takeRows(budget-d.overhead()-noticeRoom, level.cell) || last {
			break
		}
	}
	for _, g := range d.tables {
		d.sayCut(g)
	}
}

// overhead is what the longer form costs without any row.
func (d *document) overhead() int {
	for _, g := range d.tables {
		g.rows = nil
	}
	return max(utf8.RuneCountInString(d.text()), utf8.RuneCount(d.structured()))
}

// takeRows fills the tables, the shortest first so that it leaves its share to
// the others. It reports whether each got a row.
func (d *document) takeRows(room, cell int) bool {
	if room < 0 {
		return false
	}
	order := slices.SortedStableFunc(slices.Values(d.tables), func(a, b *grid) int {
		return cmp.Compare(len(a.raw), len(b.raw))
	})
	all := true
	for i, g := range order {
		text, structured := g.take(room/(len(order)-i), cell)
		room -= max(text, structured)
		all = all && (len(g.rows) > 0 || len(g.raw) == 0)
	}
	return all
}

// dropFacts leaves out the last facts until a table's worth of room is free.
func (d *document) dropFacts(budget int) {
	var names []string
	for d.overhead()+noticeRoom > budget && len(d.facts) > 0 {
		last := d.facts[len(d.facts)-1]
		d.facts = d.facts[:len(d.facts)-1]
		names = append(names, last.key)
	}
	if len(names) > 0 {
		slices.Reverse(names)
		text := fmt.Sprintf("%d fields were left out to fit: %s.", len(names), strings.Join(names, ", "))
		d.notices = append(d.notices, untrusted.Cut(untrusted.Line(text), noticeRoom/2))
	}
}

// sayCut tells of rows that did not fit and sees to it that the cursor does not
// step over them.
func (d *document) sayCut(g *grid) {
	if len(g.rows) == len(g.raw) && !g.dropped {
		return
	}
	n := len(g.rows)
	g.more, g.cursor = true, ""
	if g.after != nil && n > 0 {
		g.cursor = untrusted.Line(g.after(n))
	}
	way := fmt.Sprintf("narrow the request, or ask for %d rows or fewer columns", max(n, 1))
	if g.cursor != "" {
		way = "pass cursor for the rest, or narrow the request"
	}
	what := fmt.Sprintf("Rows 1-%d of %d fit here", n, g.found)
	if n == 0 {
		what = fmt.Sprintf("None of %d rows fits here", g.found)
	}
	if g.name != "" {
		what = untrusted.Cut(untrusted.Line(g.name), 40) + ": " + what
	}
	d.notices = append(d.notices, what+"; "+way+".")
}
