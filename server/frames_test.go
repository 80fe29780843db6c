package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// lockedBuffer is a client's end of the output.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func frames(ctx context.Context, in io.Reader, out io.Writer) (*frameReader, *frameWriter) {
	w := &frameWriter{out: out, onError: func(error) {}}
	r := newFrameReader(ctx, in, w, endGrace)
	w.answered = r.answered
	return r, w
}

func TestFramesPassWholeLinesOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want, refused string }{
		{"two lines", "{\"a\":1}\n{\"b\":2}\n", "{\"a\":1}\n{\"b\":2}\n", ""},
		{"blank lines are dropped", "\n \r\n{\"a\":1}\n\n", "{\"a\":1}\n", ""},
		{"a last line without a newline counts", "{\"a\":1}\n{\"b\":2}", "{\"a\":1}\n{\"b\":2}\n", ""},
		{"a batch is refused", "[{\"a\":1}]\n{\"b\":2}\n", "{\"b\":2}\n", "batches are not supported"},
		{"a giant is refused and the next line served", strings.Repeat("x", maxFrame+1) + "\n{\"b\":2}\n", "{\"b\":2}\n", "of 8388610 bytes refused"},
		{"carriage returns are trimmed", "{\"a\":1}\r\n", "{\"a\":1}\n", ""},
		{"empty", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out lockedBuffer
			r, _ := frames(t.Context(), strings.NewReader(c.in), &out)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			require.Equal(t, c.want, string(got))
			if c.refused == "" {
				require.Empty(t, out.String())
				return
			}
			require.Contains(t, out.String(), c.refused)
			require.True(t, json.Valid([]byte(out.String())))
		})
	}
}

func TestEndOfInputWaitsForAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := `{"jsonrpc":"2.0","id":1,"method":"tools/call"}` + "\n" +
			`{"jsonrpc":"2.0","id":"b","method":"ping"}` + "\n" +
			`{"jsonrpc":"2.0","id":9,"method":"subscriptions/listen"}` + "\n" +
			`{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n"
		r, w := frames(t.Context(), strings.NewReader(in), io.Discard)
		start := time.Now()
		go func() {
			time.Sleep(3 * time.Second)
			_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":"b","result":{}}` + "\n"))
			time.Sleep(4 * time.Second)
			_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":7,"method":"ping"}` + "\n")) // our own request answers nothing
			_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"x"}}` + "\n"))
		}()
		_, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, 7*time.Second, time.Since(start))
	})
}

func TestEndOfInputDoesNotWaitForever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, _ := frames(t.Context(), strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call"}`), io.Discard)
		start := time.Now()
		_, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, endGrace, time.Since(start))
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, _ := frames(ctx, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call"}`), io.Discard)
		start := time.Now()
		_, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(start))
	})
}

func TestParseHead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want head
	}{
		{`{"jsonrpc":"2.0","id":1,"method":"ping"}`, head{"1", "ping"}},
		{`{"method":"ping","params":{"id":3,"method":"no"},"id":"x"}`, head{`"x"`, "ping"}},
		{`{"id":null,"method":"ping"}`, head{"", "ping"}},
		{`{"jsonrpc":"2.0","id":4,"result":{"method":"no"}}`, head{"4", ""}},
		{`{"result":{},"id":4}`, head{"4", ""}},
		{`{"id":4,`, head{"4", ""}},
		{`not json`, head{}},
		{`[]`, head{}},
		{`"text"`, head{}},
	} {
		require.Equal(t, c.want, parseHead([]byte(c.in)), c.in)
	}
}

func FuzzParseHead(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
	f.Add([]byte(`{"id":{"a":[1,2]},"method":3}`))
	f.Fuzz(func(_ *testing.T, b []byte) { parseHead(b) })
}
