package hogql

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWalk compares the nodes that Walk visits with those of the JSON form,
// which is held to PostHog's own tree: none may be left out or come twice.
func TestWalk(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, c := range readGolden(t) {
		q, err := Parse(c.HogQL)
		if err != nil {
			continue
		}
		want, got := map[string]int{}, map[string]int{}
		dropped := false
		countNodes(toJSON(q), want)
		Walk(q, func(n Node) bool {
			name := strings.TrimPrefix(fmt.Sprintf("%T", n), "*hogql.")
			got[name]++
			if w, ok := n.(*WindowFunction); ok && w.Filter != nil {
				dropped = true
			}
			return true
		})
		if dropped {
			continue // PostHog's tree has no filter there
		}
		// Bounds of a frame are bare numbers there, and named windows a map.
		for _, name := range []string{"Constant", "NamedWindow"} {
			delete(want, name)
			delete(got, name)
		}
		require.True(t, maps.Equal(want, got), "%s\nPostHog %v\nWalk    %v", c.HogQL, want, got)
		checked++
	}
	require.Greater(t, checked, 400)
}

// countNodes counts the nodes of a JSON tree by name.
func countNodes(v any, counts map[string]int) {
	switch v := v.(type) {
	case map[string]any:
		if name, ok := v["node"].(string); ok {
			counts[name]++
		}
		for _, child := range v {
			countNodes(child, counts)
		}
	case []any:
		for _, child := range v {
			countNodes(child, counts)
		}
	}
}

func TestWalkStops(t *testing.T) {
	t.Parallel()
	q, err := Parse("SELECT a, (SELECT b FROM t) FROM u")
	require.NoError(t, err)
	var fields []string
	Walk(q, func(n Node) bool {
		if f, ok := n.(*Field); ok {
			fields = append(fields, f.Chain[0])
		}
		s, ok := n.(*SelectQuery)
		return !ok || s == q
	})
	require.Equal(t, []string{"a", "u"}, fields)
}
