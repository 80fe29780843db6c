package quota

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func BenchmarkSQLite(b *testing.B) {
	s := newSQLite(SQLiteConfig{Path: filepath.Join(b.TempDir(), "q.db"), Scope: "x"})
	defer s.Close()
	windows := []Window{{"m", 1 << 20, time.Minute}, {"h", 1 << 20, time.Hour}}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		g, err := s.Reserve(ctx, Ask{Windows: windows})
		require.NoError(b, err)
		require.True(b, g.OK)
		require.NoError(b, s.Stamp(ctx, g.Ticket, 0))
	}
}
