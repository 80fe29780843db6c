package posthogtest

import (
	"slices"
	"sync"
)

// table holds the rows of one resource by numeric id. Rows are never changed
// in place, so a list stays valid after its lock is gone.
type table[T any] struct {
	mu   sync.Mutex
	rows []*T
	id   func(*T) *int64
}

func newTable[T any](rows []*T, id func(*T) *int64) *table[T] {
	return &table[T]{rows: slices.Clone(rows), id: id}
}

func (t *table[T]) list() []*T {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.rows)
}

// get gives a row, or nil.
func (t *table[T]) get(id int64) *T {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := t.index(id); i >= 0 {
		return t.rows[i]
	}
	return nil
}

func (t *table[T]) index(id int64) int {
	return slices.IndexFunc(t.rows, func(row *T) bool { return *t.id(row) == id })
}

// add stores a row under the next id, unless refuse finds an existing row
// that forbids it.
func (t *table[T]) add(row *T, refuse func(existing *T) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := int64(1)
	for _, old := range t.rows {
		if refuse != nil {
			if err := refuse(old); err != nil {
				return err
			}
		}
		next = max(next, *t.id(old)+1)
	}
	*t.id(row) = next
	t.rows = append(t.rows, row)
	return nil
}

// update replaces a row by a changed copy; nil when there is no such row.
func (t *table[T]) update(id int64, change func(*T) error) (*T, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.index(id)
	if i < 0 {
		return nil, noObject()
	}
	changed := *t.rows[i]
	if err := change(&changed); err != nil {
		return nil, err
	}
	t.rows[i] = &changed
	return &changed, nil
}
