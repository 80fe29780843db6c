package lab

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

const jsonHeader = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

// Text answers with a status, headers ("Name: value" lines) and a body of the
// right length.
func Text(status int, body string, headers ...string) Answer {
	return func(_ context.Context, c net.Conn, _ *http.Request) {
		var b strings.Builder
		fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\nConnection: close\r\n", status, http.StatusText(status), len(body))
		for _, h := range headers {
			b.WriteString(h + "\r\n")
		}
		b.WriteString("\r\n" + body)
		_, _ = io.WriteString(c, b.String())
	}
}

// Raw answers with bytes as they are and closes the connection.
func Raw(text string) Answer {
	return func(_ context.Context, c net.Conn, _ *http.Request) { _, _ = io.WriteString(c, text) }
}

// RawReset answers with bytes as they are, then resets the connection.
func RawReset(text string) Answer {
	return func(_ context.Context, c net.Conn, _ *http.Request) {
		_, _ = io.WriteString(c, text)
		time.Sleep(20 * time.Millisecond) // a reset may overtake what was written
		Reset(c)
	}
}

// Silence never answers.
func Silence(ctx context.Context, _ net.Conn, _ *http.Request) { <-ctx.Done() }

// Unread takes a connection's first request and resets at once.
func Unread(_ context.Context, c net.Conn, _ *http.Request) { Reset(c) }

// SlowHeaders sends the status and headers one byte a second.
func SlowHeaders(ctx context.Context, c net.Conn, _ *http.Request) {
	_ = drip(ctx, c, jsonHeader+"Content-Length: 2\r\n\r\n{}", time.Second)
}

// SlowBody sends the headers at once and the body one byte a second.
func SlowBody(ctx context.Context, c net.Conn, _ *http.Request) {
	if _, err := io.WriteString(c, jsonHeader+"Content-Length: 100\r\n\r\n"); err == nil {
		_ = drip(ctx, c, strings.Repeat(" ", 100), time.Second)
	}
}

// EndlessHeaders sends header lines for as long as the client reads.
func EndlessHeaders(_ context.Context, c net.Conn, _ *http.Request) {
	line := "X-Padding: " + strings.Repeat("x", 1000) + "\r\n"
	_, err := io.WriteString(c, jsonHeader)
	for err == nil {
		_, err = io.WriteString(c, line)
	}
}

// Stream answers with a list of rows of size bytes in all, made as they are
// sent. Its length is announced, or left out and the body sent in chunks.
func Stream(size int64, announced bool) Answer {
	return func(_ context.Context, c net.Conn, _ *http.Request) {
		row := bytes.Repeat([]byte(`["$pageview","2026-11-23T12:00:00Z",42],`), 1600)
		head, chunk := jsonHeader+"Transfer-Encoding: chunked\r\n\r\n", fmt.Sprintf("%x\r\n", len(row))
		if announced {
			head = jsonHeader + fmt.Sprintf("Content-Length: %d\r\n\r\n", size)
		}
		_, err := io.WriteString(c, head)
		for sent := int64(0); err == nil && sent < size; sent += int64(len(row)) {
			if !announced {
				if _, err = io.WriteString(c, chunk); err != nil {
					return
				}
			}
			if _, err = c.Write(row); err == nil && !announced {
				_, err = io.WriteString(c, "\r\n")
			}
		}
	}
}

// GzipBomb answers with about a megabyte that unpacks to a gigabyte of JSON
// white space. A gzip stream may be several in a row, so one small one serves.
func GzipBomb() (Answer, error) {
	const member = 1 << 20
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(bytes.Repeat([]byte(" "), member)); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	body := bytes.Repeat(packed.Bytes(), 1<<30/member)
	return func(_ context.Context, c net.Conn, _ *http.Request) {
		if _, err := io.WriteString(c, jsonHeader+"Content-Encoding: gzip\r\n"+fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body))); err == nil {
			_, _ = c.Write(body)
		}
	}, nil
}

// HalfGzip answers with the first half of a compressed body as if it were all.
func HalfGzip(body string) (Answer, error) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, body); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	half := packed.String()[:packed.Len()/2]
	return Text(http.StatusOK, half, "Content-Type: application/json", "Content-Encoding: gzip"), nil
}

// Redirect answers with a redirect; the location "" is the request's own.
func Redirect(status int, location string) Answer {
	return func(ctx context.Context, c net.Conn, r *http.Request) {
		to := location
		if to == "" {
			to = r.RequestURI
		}
		Text(status, "", "Location: "+to)(ctx, c, r)
	}
}

// HTTP/2 frames, by RFC 9113 section 6: a length of three bytes, a type, flags
// and a stream.
const (
	h2Settings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x00\x04\x01\x00\x00\x00\x00" // ours, and theirs acknowledged
	h2Preface  = 24                                                                              // bytes
	h2Headers  = 1                                                                               // type of the frame that starts a request
)

// ResetStream speaks enough HTTP/2 to break every request off.
func ResetStream(_ context.Context, c net.Conn, _ *http.Request) {
	answerH2(c, func(stream []byte) bool {
		_, err := c.Write(slices.Concat([]byte{0, 0, 4, 3, 0}, stream, []byte{0, 0, 0, 2})) // INTERNAL_ERROR
		return err == nil
	})
}

// GoAway speaks enough HTTP/2 to promise an answer to the first request, take
// no other, and close the connection instead.
func GoAway(_ context.Context, c net.Conn, _ *http.Request) {
	answerH2(c, func(stream []byte) bool {
		_, _ = c.Write(slices.Concat([]byte{0, 0, 8, 7, 0, 0, 0, 0, 0}, stream, []byte{0, 0, 0, 0})) // NO_ERROR
		return false
	})
}

// answerH2 reads frames and hands out the stream of each request, until answer
// says no or the client leaves.
func answerH2(c net.Conn, answer func(stream []byte) bool) {
	if _, err := io.CopyN(io.Discard, c, h2Preface); err != nil {
		return
	}
	if _, err := io.WriteString(c, h2Settings); err != nil {
		return
	}
	for header := make([]byte, 9); ; {
		if _, err := io.ReadFull(c, header); err != nil {
			return
		}
		length := int64(header[0])<<16 | int64(header[1])<<8 | int64(header[2])
		if _, err := io.CopyN(io.Discard, c, length); err != nil {
			return
		}
		if header[3] == h2Headers && !answer(slices.Clone(header[5:])) {
			return
		}
	}
}
