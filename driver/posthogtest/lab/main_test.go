package lab

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/posthog-mcp/posthog-mcp/driver"
	"github.com/posthog-mcp/posthog-mcp/driver/credential"
)

// key is what must be seen nowhere but at the host that the client is set to.
const key = "phx_LaboratoryCanary0123456789"

// The laboratory's own name server and authority, for the whole test process:
// the client's transport is the product's, so it takes both from where every
// program does.
var (
	authority *Authority
	names     *Names
)

func TestMain(m *testing.M) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // some toxics have a logger of their own
	code := 1
	defer func() { os.Exit(code) }()
	var err error
	if authority, err = NewAuthority(); err == nil {
		names, err = NewNames()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	x509.SetFallbackRoots(authority.Pool()) // go.mod makes them win over the system's
	net.DefaultResolver = names.Resolver()
	code = m.Run()
	_ = names.Close()
}

// attempt is how long one attempt may take.
const attempt = 400 * time.Millisecond

// overall is how long a call may take.
const overall = 3 * time.Second

// newClient gives a client of a host with its own transport, short waits and
// the product's bounds of size.
func newClient(t *testing.T, host, key string, project int64) *driver.Client {
	t.Helper()
	cred, err := credential.Static(key, "laboratory")
	require.NoError(t, err)
	c, err := driver.New(driver.Config{
		Host: host, ProjectID: project, Credential: cred, AllowHTTP: true,
		Timeouts: driver.Timeouts{Total: overall, Read: attempt, Query: attempt},
		Retry:    driver.RetryConfig{Base: time.Millisecond, Cap: 5 * time.Millisecond},
	})
	require.NoError(t, err)
	return c
}

// ask is the call under test: a query, which may be repeated.
func ask(ctx context.Context, c *driver.Client) (driver.QueryResult, error) {
	return c.Query(ctx, driver.QueryParams{SQL: "select count() from events", Fresh: true})
}

// newServer starts a misbehaving server for the test.
func newServer(t *testing.T, answer Answer) *Server {
	t.Helper()
	s, err := NewServer(nil, answer)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// newTLSServer starts one with a certificate.
func newTLSServer(t *testing.T, c Certificate, answer Answer, protocols ...string) *Server {
	t.Helper()
	cfg, err := authority.Config(c, protocols...)
	require.NoError(t, err)
	s, err := NewServer(cfg, answer)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}
