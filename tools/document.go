package tools

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
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

// read splits an answer into facts and tables. own has the rows of the answer's
// own table, nil when there is none.
func (d *document) read(answer object, own *grid) {
	for _, m := range answer {
		obj, nested := m.val.(object)
		switch {
		case own != nil && slices.Contains(tableKeys(), m.key):
		case nested && isTable(obj):
			g := &grid{name: m.key}
			g.read(obj)
			d.tables = append(d.tables, g)
		default:
			d.raw = append(d.raw, m)
		}
	}
	if own != nil {
		own.read(answer)
		d.root = own
		d.tables = append(d.tables, own)
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
	// Once more, since quoting nested texts doubled the backslashes that clean set.
	text := untrusted.Clean(inline(m.val))
	if strings.Contains(text, "\n") {
		fmt.Fprintf(b, "%s:\n  %s\n", untrusted.Line(m.key), strings.ReplaceAll(text, "\n", "\n  "))
		return
	}
	fmt.Fprintf(b, "%s: %s\n", untrusted.Line(m.key), text)
}

// reserve is kept free for what fitting itself has to say.
func (d *document) reserve() int {
	n := 250 + 250*len(d.tables)
	if d.root != nil && d.root.after != nil && len(d.root.raw) > 0 {
		n += utf8.RuneCountInString(d.root.after(1))
	}
	return n
}

// fit makes both forms keep to a number of characters. Rows go first, from the
// end; where not one row fits, or the facts alone are too long, texts are cut
// harder. Whatever is left out is named in a notice.
func (d *document) fit(budget int) {
	levels := []struct{ fact, cell int }{{2_000, 200}, {1_000, 200}, {500, 100}, {200, 50}, {100, 20}}
	if len(d.tables) == 0 { // nothing else wants the room
		levels = slices.Insert(levels, 0, []struct{ fact, cell int }{{budget, 0}, {budget / 2, 0}}...)
	}
	for _, g := range d.tables {
		if len(g.cursor) > budget/4 {
			g.cursor = "" // half a cursor leads nowhere; has_more still says that there is more
		}
	}
	for i, level := range levels {
		short := d.boundFacts(level.fact)
		last := i == len(levels)-1
		if last {
			d.dropFacts(budget)
			d.dropColumns(budget)
		}
		if d.takeRows(budget-d.overhead()-d.reserve(), level.cell) || last {
			if len(short) > 0 {
				d.notices = append(d.notices, bounded("Shortened: "+strings.Join(short, ", ")+".", 120))
			}
			break
		}
	}
	for _, g := range d.tables {
		d.sayCut(g)
	}
}

// boundFacts cleans the facts and bounds each to n characters. A list stays a
// list and an object an object, since hosts hold answers to the output schema.
// It names the lists that lost items.
func (d *document) boundFacts(n int) (short []string) {
	d.facts = make(object, 0, len(d.raw))
	for _, m := range d.raw {
		key, val := cleanText(m.key, 100), clean(m.val, n)
		if cut, isText := val.(string); isText {
			switch v := m.val.(type) {
			case []any:
				items := firstItems(v, n)
				short = append(short, fmt.Sprintf("%s (%d of %d items)", key, len(items), len(v)))
				val = items
			case object:
				val = object{{"cut", cut}}
			}
		}
		d.facts = append(d.facts, member{key, val})
	}
	return short
}

// firstItems gives as many items of a list as n characters hold.
func firstItems(list []any, n int) []any {
	var out []any
	for _, item := range list {
		item = clean(item, n)
		if n -= len(appendTree(nil, item)) + 1; n < 0 {
			break
		}
		out = append(out, item)
	}
	return out
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

// dropFacts leaves out the last facts until the others fit.
func (d *document) dropFacts(budget int) {
	all := d.facts
	over := sort.Search(len(all)+1, func(n int) bool {
		d.facts = all[:n]
		return d.overhead()+d.reserve() > budget
	})
	d.facts = all[:max(over-1, 0)]
	var names []string
	for _, m := range all[len(d.facts):] {
		names = append(names, m.key)
	}
	if len(names) > 0 {
		text := fmt.Sprintf("%d fields were left out to fit: %s.", len(names), strings.Join(names, ", "))
		d.notices = append(d.notices, bounded(text, 80))
	}
}

// dropColumns leaves out the last columns of tables whose header alone is too
// long, and makes some room for a row.
func (d *document) dropColumns(budget int) {
	for len(d.tables) > 0 && d.overhead()+d.reserve() > budget*3/4 {
		widest := slices.MaxFunc(d.tables, func(a, b *grid) int { return cmp.Compare(a.width, b.width) })
		if widest.width <= 1 {
			return
		}
		widest.width = widest.width * 3 / 4
	}
}

// sayCut tells of rows and columns that did not fit and sees to it that the
// cursor does not step over them.
func (d *document) sayCut(g *grid) {
	var left []string
	if g.width < len(g.columns) {
		left = append(left, fmt.Sprintf("Columns 1-%d of %d", g.width, len(g.columns)))
	}
	n := len(g.rows)
	cut := n < len(g.raw) || g.dropped
	if cut {
		left = append(left, fmt.Sprintf("Rows 1-%d of %d", n, g.found))
		g.more, g.cursor = true, ""
		if g.after != nil && n > 0 {
			g.cursor = untrusted.Line(g.after(n))
		}
	}
	if len(left) == 0 {
		return
	}
	way := "narrow the request or ask for fewer columns"
	switch {
	case g.cursor != "" && cut:
		way = "pass cursor for the rest, or narrow the request"
	case n > 1:
		way = fmt.Sprintf("narrow the request, or ask for %d rows or fewer columns", n)
	}
	what := strings.Join(left, ", ") + " fit here; "
	if g.name != "" {
		what = bounded(g.name, 40) + ": " + what
	}
	d.notices = append(d.notices, what+way+".")
}
