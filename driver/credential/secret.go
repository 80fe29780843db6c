// Package credential says where PostHog keys come from and keeps them out of
// every text that this program writes.
package credential

import (
	"context"
	"fmt"
	"log/slog"
)

const mask = "[secret]"

// Secret is a key that masks itself in every formatter, logger and marshaller.
// Only Reveal gives the text. It is behind a pointer because fmt prints the
// fields of a struct that it cannot reach by their methods: a Secret in an
// unexported field shows an address.
type Secret struct{ text *string }

// NewSecret wraps a key.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal gives the key itself. Its only callers build an Authorization header
// or a request body.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no key.
func (s Secret) IsZero() bool { return s.text == nil }

// String masks the key.
func (s Secret) String() string {
	if s.text == nil {
		return ""
	}
	return mask
}

// GoString masks the key in %#v.
func (s Secret) GoString() string { return s.String() }

// Format masks the key whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue masks the key in logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText masks the key in JSON, YAML and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Source gives the current key. Implementations are safe for concurrent use
// and answer from memory on the request path.
type Source interface {
	// Key gives the key, or an error that says which setting to set.
	Key(ctx context.Context) (Secret, error)
	// Describe names the source without the key, such as "env POSTHOG_PERSONAL_API_KEY".
	Describe() string
}
