package driver

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// wallLayout is a UTC time with microseconds as ClickHouse prints it, so that
// a page continues exactly where the one before ended.
const wallLayout = "2006-01-02 15:04:05.000000"

// keyset is a place in a list of events ordered by (timestamp, uuid), with the
// span that the list covers. It travels as an opaque cursor.
type keyset struct {
	From   string `json:"f"`           // start of the span, inclusive, UTC
	To     string `json:"t"`           // end of the span, exclusive, UTC
	Time   string `json:"s,omitempty"` // timestamp of the last row, UTC
	UUID   string `json:"u,omitempty"` // uuid of the last row; empty: Time itself comes next
	Filter string `json:"h"`           // fingerprint of the filters that the list was made with
}

const cursorHint = "Repeat the call with the same filters and the cursor as it was given, or without a cursor to start over."

func (k keyset) encode() string {
	raw, err := json.Marshal(k)
	if err != nil {
		return "" // five strings always marshal
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// decodeKeyset reads a cursor and refuses one that is not ours or belongs to
// other filters: it would skip rows silently.
func decodeKeyset(op, cursor, filter string) (keyset, error) {
	var k keyset
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(raw, &k)
	}
	for _, t := range []string{k.From, k.To, k.Time} {
		if err == nil && t != "" {
			_, err = time.Parse(wallLayout, t)
		}
	}
	if err == nil && k.UUID != "" {
		_, err = uuid.Parse(k.UUID)
	}
	if err != nil || k.From == "" || k.To == "" {
		return keyset{}, invalid(op, "cursor", fmt.Sprintf("cursor %q is not one that this operation gave", clip(cursor)), cursorHint)
	}
	if k.Filter != filter {
		return keyset{}, invalid(op, "cursor", "the cursor was given for other filters", cursorHint)
	}
	return k, nil
}

// fingerprint gives a short hash of what a list was asked with.
func fingerprint(parts any) string {
	raw, err := json.Marshal(parts)
	if err != nil {
		return "unhashable"
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:6])
}

// pageOffset reads the cursor of a limit/offset list: the number of rows that
// came before.
func pageOffset(op, cursor string) (int, error) {
	if cursor == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(cursor))
	if err != nil || n < 1 || n > 10_000_000 {
		return 0, invalid(op, "cursor", fmt.Sprintf("cursor %q is not one that this operation gave", clip(cursor)), cursorHint)
	}
	return n, nil
}

// pagePlace is where a page of a limit/offset list lies, so that a caller that
// could use only its first rows can go on behind them.
type pagePlace struct {
	query url.Values // of the page's request, without limit and offset
	limit int
	first int    // offset of the page
	rows  int    // on the page
	next  string // cursor of the next page; empty on the last
}

// placeOf finds the place of a page that listOf got with the same arguments.
func placeOf(base url.Values, limit int, cursor string, rows int, next string) pagePlace {
	if limit == 0 {
		limit = defaultPageRows
	}
	p := pagePlace{query: maps.Clone(base), limit: limit, rows: rows, next: next}
	if q, err := url.ParseQuery(cursor); err == nil && cursor != "" {
		p.query = q
		p.first, _ = strconv.Atoi(q.Get("offset"))
		if n, err := strconv.Atoi(q.Get("limit")); err == nil {
			p.limit = n
		}
	}
	return p
}

// CursorAfter gives the cursor that continues after the first n rows of the
// page, or "" when no row follows.
func (p pagePlace) CursorAfter(n int) string {
	switch {
	case n < 1 || n > p.rows:
		return ""
	case n == p.rows:
		return p.next
	case p.query == nil: // a list that this program pages itself
		return strconv.Itoa(p.first + n)
	}
	q := maps.Clone(p.query)
	q.Set("limit", strconv.Itoa(p.limit))
	q.Set("offset", strconv.Itoa(p.first+n))
	return q.Encode()
}

// boundedLimit gives the default for 0 and refuses what is out of range.
func boundedLimit(op string, limit, standard, most int) (int, error) {
	if limit == 0 {
		return standard, nil
	}
	if limit < 1 || limit > most {
		return 0, invalid(op, "limit", fmt.Sprintf("limit %d is not within 1 to %d", limit, most), "Choose a limit in that range and follow the cursor for more.")
	}
	return limit, nil
}

// clip bounds a caller's value inside an error text.
func clip(s string) string { return cleanText(s, 80) }
