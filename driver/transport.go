package driver

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/credential"
)

// wire sends one HTTP request and reads its whole answer, bounded. It knows no
// retry and no limit. It follows no redirect: a redirect could carry the key
// to another host.
type wire struct {
	rt        http.RoundTripper
	pinned    *url.URL // the only origin that gets the personal key
	cred      credential.Source
	userAgent string
}

// answer is what PostHog said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

var (
	errBodyTooLarge = errors.New("answer larger than the limit")
	errBodyBroken   = errors.New("answer cut off or badly compressed")
)

// newTransport gives the transport for PostHog: few hosts, many calls, so idle
// connections are kept, and every step but the answer itself is bounded.
func newTransport(useProxyEnv bool) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    32,
		MaxConnsPerHost:        64,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		DisableCompression:     true, // decompressed here, with a bound
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if useProxyEnv {
		t.Proxy = http.ProxyFromEnvironment
	}
	return t
}

func userAgent(version string) string {
	if version == "" {
		version = "dev"
	}
	return fmt.Sprintf("posthog-mcp/%s (%s; %s/%s)", cleanText(version, 60), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// timeline records when the parts of one attempt happened. The transport calls
// it from its own goroutines, also after a canceled attempt has returned.
type timeline struct {
	mu           sync.Mutex
	traced       bool // the transport tells where it is
	untraced     bool // it was given the request and told nothing
	wroteHeaders bool
	wrote        time.Time // whole request written
	firstByte    time.Time // of the answer
}

func (f *timeline) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) {
			f.mu.Lock()
			f.traced = true
			f.mu.Unlock()
		},
		WroteHeaders: func() {
			f.mu.Lock()
			f.wroteHeaders = true
			f.mu.Unlock()
		},
		WroteRequest: func(httptrace.WroteRequestInfo) {
			f.mu.Lock()
			f.wrote = time.Now()
			f.mu.Unlock()
		},
		GotFirstResponseByte: func() {
			f.mu.Lock()
			f.firstByte = time.Now()
			f.mu.Unlock()
		},
	}
}

// returned notes the end of the round trip. A transport that traces nothing
// may have sent everything.
func (f *timeline) returned(answered bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.untraced = !f.traced
	if answered && f.firstByte.IsZero() {
		f.firstByte = time.Now()
	}
}

// times gives when the request was written and the answer began, and whether
// PostHog may have seen anything of it.
func (f *timeline) times() (wrote, firstByte time.Time, sent bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wrote, f.firstByte, f.untraced || f.wroteHeaders || !f.wrote.IsZero() || !f.firstByte.IsZero()
}

// send makes one attempt of the call. An error means that no complete answer
// came; f says how far it got.
func (w *wire) send(ctx context.Context, c *call, f *timeline) (*answer, error) {
	var body io.Reader
	if c.payload != nil {
		body = bytes.NewReader(c.payload)
	}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, f.trace()), c.method, "", body)
	if err != nil {
		return nil, err
	}
	req.URL = c.url
	req.Host = c.url.Host
	h := req.Header
	h.Set("User-Agent", w.userAgent)
	h.Set("Accept", "application/json")
	h.Set("Accept-Encoding", "gzip")
	h.Set("X-Request-Id", c.id)
	if c.payload != nil {
		h.Set("Content-Type", "application/json")
		if c.gzip {
			h.Set("Content-Encoding", "gzip")
		}
	}
	if err := w.authorize(ctx, req, c); err != nil {
		return nil, err
	}
	res, err := w.rt.RoundTrip(req)
	f.returned(err == nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // nothing is lost: the body was read or given up
	data, err := readBody(res, c.maxBody)
	ans := &answer{status: res.StatusCode, header: res.Header, body: data}
	if err != nil {
		return ans, err
	}
	return ans, nil
}

// authorize adds the personal key to requests for the pinned origin, and to no
// other.
func (w *wire) authorize(ctx context.Context, req *http.Request, c *call) error {
	if c.target != appHost || !sameOrigin(req.URL, w.pinned) {
		return nil
	}
	key, err := w.key(ctx)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+key.Reveal())
	return nil
}

// key gives the personal key, or an *Error of kind unauthenticated.
func (w *wire) key(ctx context.Context) (credential.Secret, error) {
	if w.cred == nil {
		return credential.Secret{}, missingKey(w.pinned, nil)
	}
	key, err := w.cred.Key(ctx)
	if err != nil || key.IsZero() {
		return credential.Secret{}, missingKey(w.pinned, err)
	}
	return key, nil
}

// keyID tells personal keys apart without holding them: the digest of one. The
// zero value stands for none.
type keyID [sha256.Size]byte

// owner gives the personal key that a request to the target goes with.
func (w *wire) owner(ctx context.Context, t target) keyID {
	if t != appHost {
		return keyID{}
	}
	key, err := w.key(ctx)
	if err != nil {
		return keyID{} // the attempt says what is wrong
	}
	return sha256.Sum256([]byte(key.Reveal()))
}

// readBody reads and decompresses at most limit bytes.
func readBody(res *http.Response, limit int64) ([]byte, error) {
	var r io.Reader = res.Body
	zipped := strings.EqualFold(res.Header.Get("Content-Encoding"), "gzip") && !res.Uncompressed
	if zipped {
		zr, err := gzip.NewReader(res.Body)
		if errors.Is(err, io.EOF) {
			return nil, nil // an empty answer that claims to be compressed
		}
		if err != nil {
			return nil, bodyError(err)
		}
		r = zr
	} else if res.ContentLength > limit {
		return nil, errBodyTooLarge
	}
	first := int64(512)
	if n := res.ContentLength; n > 0 && n < 1<<20 {
		first = n + 1 // the end is found without growing
	}
	return readBounded(r, first, limit)
}

// readBounded reads to the end, or to the first byte beyond the limit. Its
// buffer doubles up to a quarter of the limit and then takes the whole: pages
// that are not written take no memory, while doubling to the end would hold
// up to four times the limit in old and new buffers.
func readBounded(r io.Reader, first, limit int64) ([]byte, error) {
	buf := make([]byte, 0, min(first, limit+1))
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > limit:
			return nil, errBodyTooLarge
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return nil, bodyError(err)
		case len(buf) == cap(buf):
			next := 2 * int64(cap(buf))
			if next > limit/4 {
				next = limit + 1
			}
			buf = append(make([]byte, 0, next), buf...)
		}
	}
}

// bodyError tells a damaged answer from a lost connection.
func bodyError(err error) error {
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF) || strings.HasPrefix(err.Error(), "flate:") {
		return fmt.Errorf("%w: %w", errBodyBroken, err)
	}
	return err
}
