package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Toxic is one fault of a [Proxy], in toxiproxy's words.
type Toxic struct {
	Type       string         `json:"type"`   // "latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data"
	Stream     string         `json:"stream"` // "upstream" (request) or "downstream" (answer)
	Attributes map[string]any `json:"attributes"`
}

// Proxy is a toxiproxy on a loopback port.
type Proxy struct{ proxy *toxiproxy.Proxy }

// NewProxy starts a proxy in front of an address such as "127.0.0.1:8000".
func NewProxy(upstream string, toxics ...Toxic) (*Proxy, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := toxiproxy.NewProxy(server, "lab", "127.0.0.1:0", upstream)
	if err := p.Start(); err != nil {
		return nil, fmt.Errorf("lab: the proxy cannot start: %w", err)
	}
	for i, t := range toxics {
		text, err := json.Marshal(struct {
			Name string `json:"name"`
			Toxic
		}{fmt.Sprintf("%s_%d", t.Type, i), t})
		if err == nil {
			_, err = p.Toxics.AddToxicJson(strings.NewReader(string(text)))
		}
		if err != nil {
			p.Stop()
			return nil, fmt.Errorf("lab: toxic %s: %w", t.Type, err)
		}
	}
	return &Proxy{p}, nil
}

// URL is where clients connect.
func (p *Proxy) URL() string { return "http://" + p.proxy.Listen }

// Cure takes the toxics away and ends the connections that had them: the
// network is well again.
func (p *Proxy) Cure() error {
	p.proxy.Toxics.ResetToxics(context.Background())
	p.proxy.Stop()
	if err := p.proxy.Start(); err != nil { // on the same port
		return fmt.Errorf("lab: the proxy cannot start again: %w", err)
	}
	return nil
}

// Close takes the toxics away, which lets held connections go, and ends every
// connection.
func (p *Proxy) Close() {
	p.proxy.Toxics.ResetToxics(context.Background())
	p.proxy.Stop()
}
