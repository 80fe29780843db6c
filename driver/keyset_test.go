package driver

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeysetRoundTrip(t *testing.T) {
	t.Parallel()
	filter := fingerprint([]string{"a"})
	for _, k := range []keyset{
		{
			From: "2026-01-01 00:00:00.000000", To: "2026-02-01 00:00:00.000001",
			Time: "2026-01-15 10:00:00.123456", UUID: "018f2b6e-7c3a-7000-8000-000000000001", Filter: filter,
		},
		{From: "2026-01-01 00:00:00.000000", To: "2026-02-01 00:00:00.000000", Filter: filter},
		{From: "2026-01-01 00:00:00.000000", To: "2026-02-01 00:00:00.000000", Time: "2026-01-15 10:00:00.000000", Filter: filter},
	} {
		require.Len(t, k.encode(), 63)
		got, err := decodeKeyset("op", k.encode(), filter)
		require.NoError(t, err)
		require.Equal(t, k, got)
	}
}

func TestKeysetRefuses(t *testing.T) {
	t.Parallel()
	filter, other := fingerprint([]string{"a"}), fingerprint([]string{"b"})
	require.NotEqual(t, filter, other)
	good := keyset{From: "2026-01-01 00:00:00.000000", To: "2026-02-01 00:00:00.000000", Filter: filter}
	raw, err := base64.RawURLEncoding.DecodeString(good.encode())
	require.NoError(t, err)
	raw[0] = 9
	far := bytes.Repeat([]byte{0x7f}, keysetSize)
	far[0] = keysetVersion
	copy(far[41:], raw[41:])
	encode := base64.RawURLEncoding.EncodeToString
	for name, cursor := range map[string]string{
		"no base64":      "!!!",
		"text":           encode([]byte("' OR 1=1")),
		"short":          good.encode()[:60],
		"later version":  encode(raw),
		"no date":        encode(far),
		"no span":        keyset{Time: good.From, Filter: filter}.encode(),
		"another filter": keyset{From: good.From, To: good.To, Filter: other}.encode(),
	} {
		_, err := decodeKeyset("get_events", cursor, filter)
		require.ErrorIs(t, err, KindInvalid, name)
	}
}

func TestPageOffset(t *testing.T) {
	t.Parallel()
	n, err := pageOffset("op", "")
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = pageOffset("op", "150")
	require.NoError(t, err)
	require.Equal(t, 150, n)
	for _, bad := range []string{"0", "-1", "x", "1e3", "99999999999999999999"} {
		_, err := pageOffset("op", bad)
		require.ErrorIs(t, err, KindInvalid, bad)
	}
}

func TestBoundedLimit(t *testing.T) {
	t.Parallel()
	n, err := boundedLimit("op", 0, 50, 100)
	require.NoError(t, err)
	require.Equal(t, 50, n)
	for _, bad := range []int{-1, 101} {
		_, err := boundedLimit("op", bad, 50, 100)
		require.ErrorIs(t, err, KindInvalid)
		require.ErrorContains(t, err, "1 to 100")
	}
}

func TestPagePlace(t *testing.T) {
	t.Parallel()
	base := url.Values{"search": {"pay"}}
	first := placeOf(base, 0, "", 50, "limit=50&offset=50&search=pay")
	require.Equal(t, "limit=50&offset=20&search=pay", first.CursorAfter(20))
	require.Equal(t, "limit=50&offset=50&search=pay", first.CursorAfter(50))
	require.Empty(t, first.CursorAfter(0))
	require.Empty(t, first.CursorAfter(51))
	last := placeOf(base, 10, "limit=30&offset=60&search=pay", 12, "")
	require.Equal(t, "limit=30&offset=65&search=pay", last.CursorAfter(5))
	require.Empty(t, last.CursorAfter(12))
	require.Equal(t, url.Values{"search": {"pay"}}, base)
	own := pagePlace{first: 100, rows: 50}
	require.Equal(t, "107", own.CursorAfter(7))
}
