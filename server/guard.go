package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// guard stands before every MCP endpoint: who may speak (Host, Origin, token),
// how much (body, time), and what never passes (another client's cancel).
type guard struct {
	cfg      HTTPConfig
	loopback bool
	drain    <-chan struct{} // closed when the server stops: streams end
	log      *slog.Logger
}

// wrap gives next behind the guard.
func (g *guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if reason, status := g.refusal(r); status != 0 {
			g.log.WarnContext(r.Context(), "request refused", "status", status, "reason", reason, "path", r.URL.Path)
			if status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="posthog-mcp"`)
			}
			http.Error(w, reason, status)
			return
		}
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		body, status, err := readBody(w, r)
		if err != nil {
			http.Error(w, err.Error(), status)
			return
		}
		h := parseHead(body)
		if h.method == "notifications/cancelled" && sharedIDs(r) {
			// Without a session mcp-go keys running calls by request id alone:
			// passing this on would cancel another client's call of the same id.
			// Clients of that revision cancel by closing the request's stream.
			w.WriteHeader(http.StatusAccepted)
			return
		}
		if h.method == string(mcp.MethodSubscriptionsListen) {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			go func() {
				select {
				case <-g.drain:
					cancel()
				case <-ctx.Done():
				}
			}()
			r = r.WithContext(ctx)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		next.ServeHTTP(w, r)
	})
}

// refusal says why a request may not pass, with its status, or 0.
func (g *guard) refusal(r *http.Request) (string, int) {
	if !g.hostAllowed(r.Host) {
		return "Host " + strconv.Quote(r.Host) + " is not served here; add it with --allowed-host", http.StatusForbidden
	}
	if origin := r.Header.Get("Origin"); origin != "" && !g.originAllowed(origin, r) {
		return "Origin " + strconv.Quote(origin) + " may not use this server; add it with --allowed-origin", http.StatusForbidden
	}
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Origin") == "" {
		return "cross-site requests are refused", http.StatusForbidden
	}
	if !g.cfg.Token.IsZero() && !sameToken(r.Header.Get("Authorization"), g.cfg.Token.Reveal()) {
		return "a bearer token is needed: the one in the server's --auth-token-file", http.StatusUnauthorized
	}
	if r.Method == http.MethodPost {
		media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || media != "application/json" {
			return "Content-Type must be application/json", http.StatusUnsupportedMediaType
		}
	}
	return "", 0
}

// hostAllowed holds off DNS rebinding: a page's own name never is in the list.
func (g *guard) hostAllowed(host string) bool {
	name := strings.ToLower(hostname(host))
	if slices.ContainsFunc(g.cfg.AllowedHosts, func(h string) bool { return strings.EqualFold(h, name) }) {
		return true
	}
	if g.loopback {
		return isLoopbackName(name)
	}
	return len(g.cfg.AllowedHosts) == 0
}

// originAllowed takes the server's own origin and the configured ones.
func (g *guard) originAllowed(origin string, r *http.Request) bool {
	if slices.ContainsFunc(g.cfg.AllowedOrigins, func(o string) bool { return strings.EqualFold(o, origin) }) {
		return true
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return strings.EqualFold(origin, scheme+"://"+r.Host)
}

// sharedIDs reports whether the request belongs to no session of its own.
func sharedIDs(r *http.Request) bool {
	return (r.Header.Get(mcpserver.HeaderKeySessionID) == "" && r.URL.Query().Get("sessionId") == "") ||
		mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion))
}

// readBody reads a bounded body within its own time limit; the listener has no
// read timeout, since that would end streams.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, int, error) {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxFrame))
	_ = rc.SetReadDeadline(time.Time{})
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, http.StatusRequestEntityTooLarge, errors.New("request body above " + strconv.FormatInt(tooLarge.Limit, 10) + " bytes refused")
	}
	if err != nil {
		return nil, http.StatusBadRequest, errors.New("request body could not be read")
	}
	return body, 0, nil
}

// sameToken compares in constant time, whatever the lengths.
func sameToken(header, want string) bool {
	got, ok := strings.CutPrefix(header, "Bearer ")
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && ok
}

func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}

func isLoopbackName(name string) bool {
	if name == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback()
}

// withoutWildcardOrigin drops the "*" that mcp-go's SSE handler sets by
// itself: the guard has decided who may read.
func withoutWildcardOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&originFilter{ResponseWriter: w}, r)
	})
}

type originFilter struct {
	http.ResponseWriter
	done bool
}

func (f *originFilter) strip() {
	if !f.done {
		f.done = true
		f.Header().Del("Access-Control-Allow-Origin")
	}
}

// WriteHeader drops the header before it goes out.
func (f *originFilter) WriteHeader(status int) { f.strip(); f.ResponseWriter.WriteHeader(status) }

// Write drops the header before it goes out.
func (f *originFilter) Write(p []byte) (int, error) { f.strip(); return f.ResponseWriter.Write(p) }

// Flush keeps the stream flowing.
func (f *originFilter) Flush() {
	f.strip()
	_ = http.NewResponseController(f.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (f *originFilter) Unwrap() http.ResponseWriter { return f.ResponseWriter }
