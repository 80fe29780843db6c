package driver

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
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
// span that the list covers. It travels as an opaque cursor, in binary form
// because a model reads it and writes it back, token by token.
type keyset struct {
	From   string // start of the span, inclusive, UTC
	To     string // end of the span, exclusive, UTC
	Time   string // timestamp of the last row, UTC; empty: at the start
	UUID   string // uuid of the last row; empty: Time itself comes next
	Filter string // fingerprint of the filters that the list was made with
}

const (
	cursorHint = "Repeat the call with the same filters and the cursor as it was given, or without a cursor to start over."

	keysetVersion = 1
	keysetSize    = 1 + 3*8 + 16 + filterSize
	filterSize    = 6 // bytes of a fingerprint
)

// encode writes version, three times in microseconds (0: none), uuid (zero:
// none) and fingerprint.
func (k keyset) encode() string {
	raw := make([]byte, 0, keysetSize)
	raw = append(raw, keysetVersion)
	for _, text := range []string{k.From, k.To, k.Time} {
		var micros int64
		if t, err := time.Parse(wallLayout, text); err == nil {
			micros = t.UnixMicro()
		}
		raw = binary.BigEndian.AppendUint64(raw, uint64(micros)) //nolint:gosec // read back the same way
	}
	id, _ := uuid.Parse(k.UUID) // zero when there is none
	raw = append(raw, id[:]...)
	filter, _ := hex.DecodeString(k.Filter)
	raw = append(raw, filter...)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// decodeKeyset reads a cursor and refuses one that is not ours or belongs to
// other filters: it would skip rows silently.
func decodeKeyset(op, cursor, filter string) (keyset, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(cursor))
	if err != nil || len(raw) != keysetSize || raw[0] != keysetVersion {
		return keyset{}, invalid(op, "cursor", fmt.Sprintf("cursor %q is not one that this operation gave", clip(cursor)), cursorHint)
	}
	var k keyset
	for i, to := range []*string{&k.From, &k.To, &k.Time} {
		micros := int64(binary.BigEndian.Uint64(raw[1+8*i:])) //nolint:gosec // written the same way
		if micros != 0 {
			*to = time.UnixMicro(micros).UTC().Format(wallLayout)
		}
	}
	if id := uuid.UUID(raw[25:41]); id != uuid.Nil {
		k.UUID = id.String()
	}
	k.Filter = hex.EncodeToString(raw[41:])
	if k.Filter != filter {
		return keyset{}, invalid(op, "cursor", "the cursor was given for other filters", cursorHint)
	}
	for _, text := range []string{k.From, k.To, k.Time} {
		if _, err := time.Parse(wallLayout, text); err != nil && (text != "" || k.From == "" || k.To == "") {
			return keyset{}, invalid(op, "cursor", "the cursor holds no date", cursorHint)
		}
	}
	return k, nil
}

// fingerprint gives a short hash of what a list was asked with.
func fingerprint(parts any) string {
	raw, err := json.Marshal(parts)
	if err != nil {
		raw = nil // strings always marshal
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:filterSize])
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
