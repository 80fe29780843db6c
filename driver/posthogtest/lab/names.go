package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync"
)

// Codes of a name server's answer, by RFC 1035 section 4.1.1.
const (
	noError   = 0
	servFail  = 2
	nameError = 3
)

// Names is a name server on loopback. Names under "fails.test" get SERVFAIL,
// those under "lab.test" are 127.0.0.1, and no other exists.
type Names struct {
	conn    net.PacketConn
	running sync.WaitGroup
}

// NewNames starts a name server.
func NewNames() (*Names, error) {
	conn, err := (&net.ListenConfig{}).ListenPacket(context.Background(), "udp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	n := &Names{conn: conn}
	n.running.Go(n.serve)
	return n, nil
}

// Resolver asks this name server only.
func (n *Names) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", n.conn.LocalAddr().String())
	}}
}

// Close ends the server.
func (n *Names) Close() error {
	err := n.conn.Close()
	n.running.Wait()
	return err
}

func (n *Names) serve() {
	buf := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if answer := reply(buf[:size]); answer != nil {
			_, _ = n.conn.WriteTo(answer, from)
		}
	}
}

// reply answers a query of one question; nil for anything else.
func reply(query []byte) []byte {
	const header = 12
	if len(query) < header || binary.BigEndian.Uint16(query[4:]) != 1 {
		return nil
	}
	var labels []string
	at := header
	for at < len(query) && query[at] != 0 {
		end := at + 1 + int(query[at])
		if end > len(query) {
			return nil
		}
		labels = append(labels, string(query[at+1:end]))
		at = end
	}
	end := at + 5 // the root label, type and class
	if end > len(query) {
		return nil
	}
	kind := binary.BigEndian.Uint16(query[at+1:])
	answer := append([]byte(nil), query[:end]...)
	code, records := byte(nameError), uint16(0)
	switch name := strings.ToLower("." + strings.Join(labels, ".")); {
	case strings.HasSuffix(name, ".fails.test"):
		code = servFail
	case strings.HasSuffix(name, ".lab.test"):
		code = noError
		if kind == 1 { // A: the name by reference, type, class, lifetime 0, length, address
			records = 1
			answer = append(answer, 0xc0, header, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1)
		}
	}
	answer[2], answer[3] = 0x84|query[2]&1, 0x80|code // an authoritative answer
	binary.BigEndian.PutUint16(answer[6:], records)
	binary.BigEndian.PutUint32(answer[8:], 0)
	return answer
}
