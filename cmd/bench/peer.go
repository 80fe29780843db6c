package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// peer is a running server and our end of its pipes.
type peer struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	started time.Time

	mu      sync.Mutex
	waiting map[int]chan json.RawMessage
	next    int
}

func launch(ctx context.Context, s subject) (*peer, error) {
	cmd := exec.CommandContext(ctx, s.path, s.args...) //nolint:gosec // our own binaries
	cmd.Env = append(os.Environ(), s.env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p := &peer{cmd: cmd, in: in, started: time.Now(), waiting: map[int]chan json.RawMessage{}}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go p.read(out)
	return p, nil
}

func (p *peer) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var m struct {
			ID     int             `json:"id"`
			Result json.RawMessage `json:"result"`
		}
		line := bytes.Clone(lines.Bytes())
		if json.Unmarshal(line, &m) != nil || m.Result == nil {
			continue
		}
		p.mu.Lock()
		ch := p.waiting[m.ID]
		delete(p.waiting, m.ID)
		p.mu.Unlock()
		if ch != nil {
			ch <- m.Result
		}
	}
}

// ask sends a request and waits for its result.
func (p *peer) ask(method string, params any) (json.RawMessage, error) {
	ch := make(chan json.RawMessage, 1)
	p.mu.Lock()
	p.next++
	id := p.next
	p.waiting[id] = ch
	frame, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	if err == nil {
		_, err = p.in.Write(append(frame, '\n'))
	}
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case r := <-ch:
		return r, nil
	case <-time.After(30 * time.Second):
		return nil, fmt.Errorf("%s was not answered in 30 s", method)
	}
}

func (p *peer) hello() error {
	_, err := p.ask("initialize", map[string]any{
		"protocolVersion": "2025-11-25", "capabilities": map[string]any{},
		"clientInfo": map[string]any{"name": "bench", "version": "1"},
	})
	return err
}

// call runs one tool and refuses an answer that is an error.
func (p *peer) call(tool string, args map[string]any) error {
	raw, err := p.ask("tools/call", map[string]any{"name": tool, "arguments": args})
	if err != nil {
		return err
	}
	var r struct {
		IsError bool `json:"isError"`
		Content []struct{ Text string }
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return err
	}
	if r.IsError {
		return errors.New(tool + ": " + r.Content[0].Text)
	}
	return nil
}

// stop ends the server and gives the processor time that it used.
func (p *peer) stop() time.Duration {
	_ = p.in.Close()
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// rss reads the resident memory, 0 where there is no /proc.
func (p *peer) rss() int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// spawn measures one start.
func spawn(ctx context.Context, s subject) (start, error) {
	p, err := launch(ctx, s)
	if err != nil {
		return start{}, err
	}
	var one start
	if err := p.hello(); err != nil {
		return start{}, err
	}
	one.initialize = time.Since(p.started)
	if _, err := p.ask("tools/list", map[string]any{}); err != nil {
		return start{}, err
	}
	one.list = time.Since(p.started)
	one.rss = p.rss()
	one.cpu = p.stop()
	return one, nil
}
