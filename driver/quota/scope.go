package quota

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// Scope names what shares one quota, as a salted hash: stores keep no host,
// project or key.
type Scope string

// scopeSalt keeps the hashes of this program apart from others' of the same
// texts. It is no secret: all processes of a fleet must agree on it.
const scopeSalt = "posthog-mcp quota scope 1\x00"

// TeamScope is the quota of one project of a host, whoever asks. It is safe
// under both readings of PostHog's rules, by team and by key.
func TeamScope(host string, project int64) Scope {
	return scopeOf("team", host, strconv.FormatInt(project, 10))
}

// KeyScope is the quota of one key.
func KeyScope(host, key string) Scope { return scopeOf("key", host, key) }

func scopeOf(kind, host, name string) Scope {
	sum := sha256.Sum256([]byte(scopeSalt + kind + "\x00" + host + "\x00" + name))
	return Scope(hex.EncodeToString(sum[:12]))
}
