package credential

import (
	"context"
	"errors"
)

// static is a key that never changes.
type static struct {
	key   Secret
	label string
}

// Static gives a source of one fixed key. Label says where it came from, such
// as "env POSTHOG_PERSONAL_API_KEY".
func Static(key, label string) (Source, error) {
	if label == "" {
		return nil, errors.New("credential: a label is needed, to tell people which setting the key came from")
	}
	if err := CheckPersonal(key); err != nil {
		return nil, err
	}
	return &static{key: NewSecret(key), label: label}, nil
}

// Key gives the key.
func (s *static) Key(context.Context) (Secret, error) { return s.key, nil }

// Describe names where the key came from.
func (s *static) Describe() string { return s.label }
