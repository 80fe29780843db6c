package driver

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"github.com/posthog-mcp/posthog-mcp/driver/hogql"
)

// maxCanonical bounds the statements, in bytes, whose spelling is evened out:
// parsing a larger one costs more than a missed answer.
const maxCanonical = 16 << 10

// maxSpellings bounds the statements whose even form is remembered; each takes
// 64 bytes.
const maxSpellings = 1024

// canon brings requests into a form that is the same for the same question. It
// remembers the form of statements, by digest: parsing is most of the work.
type canon struct {
	mu        sync.Mutex
	spellings map[[sha256.Size]byte][sha256.Size]byte
}

// append appends a form of a request's body that is the same for the
// same question: labels, ids and the way of running a query are left out, maps
// are sorted, HogQL is printed anew. ok is false for a body that cannot be
// written as JSON.
func (cn *canon) append(dst []byte, body any) (_ []byte, ok bool) {
	if body == nil {
		return dst, true
	}
	top, ok := body.(map[string]any)
	if !ok {
		return appendJSON(dst, body)
	}
	for _, name := range slices.Sorted(maps.Keys(top)) {
		switch name {
		case "name", "client_query_id", "refresh", "async":
			continue
		}
		dst = appendText(dst, name)
		node, isNode := top[name].(map[string]any)
		if name == "query" && isNode {
			dst, ok = cn.appendNode(dst, node)
		} else {
			dst, ok = appendJSON(dst, top[name])
		}
		if !ok {
			return dst, false
		}
	}
	return dst, true
}

func (cn *canon) appendNode(dst []byte, node map[string]any) (_ []byte, ok bool) {
	if node["kind"] != "HogQLQuery" {
		return appendJSON(dst, node)
	}
	for _, name := range slices.Sorted(maps.Keys(node)) {
		if name == "name" {
			continue
		}
		dst = appendText(dst, name)
		if sql, isText := node[name].(string); isText {
			if name == "query" {
				digest := cn.statement(sql)
				dst = append(dst, digest[:]...)
				continue
			}
			dst = appendText(dst, sql)
			continue
		}
		if dst, ok = appendJSON(dst, node[name]); !ok {
			return dst, false
		}
	}
	return dst, true
}

// statement gives the digest of a statement's even form.
func (cn *canon) statement(sql string) [sha256.Size]byte {
	text := sha256.Sum256([]byte(sql))
	cn.mu.Lock()
	even, known := cn.spellings[text]
	cn.mu.Unlock()
	if known {
		return even
	}
	even = sha256.Sum256([]byte(canonicalHogQL(sql)))
	cn.mu.Lock()
	defer cn.mu.Unlock()
	if cn.spellings == nil || len(cn.spellings) >= maxSpellings {
		cn.spellings = make(map[[sha256.Size]byte][sha256.Size]byte)
	}
	cn.spellings[text] = even
	return even
}

// canonicalHogQL evens out white space, comments and the case of keywords. A
// statement that is not understood here stays as it is.
func canonicalHogQL(sql string) string {
	if len(sql) > maxCanonical {
		return sql
	}
	q, err := hogql.Parse(sql)
	if err != nil {
		return sql
	}
	return hogql.Print(q)
}

// appendText appends a text so that no two lists of texts look the same.
func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendJSON(dst []byte, v any) ([]byte, bool) {
	data, err := json.Marshal(v) // sorts the keys of maps
	return appendText(dst, string(data)), err == nil
}

// bodyKind gives the kind of the query node in a body, "" when there is none.
func bodyKind(body any) string {
	top, _ := body.(map[string]any)
	node, _ := top["query"].(map[string]any)
	kind, _ := node["kind"].(string)
	return kind
}

// forceQuery makes a query's body ask for a new computation.
func forceQuery(body any) any {
	top, ok := body.(map[string]any)
	if !ok {
		return body
	}
	var forced string
	switch top["refresh"] {
	case "blocking":
		forced = "force_blocking"
	case "async":
		forced = "force_async"
	default:
		return body
	}
	top = maps.Clone(top)
	top["refresh"] = forced
	return top
}

// forcesQuery reports a body that asks for a new computation.
func forcesQuery(body any) bool {
	top, _ := body.(map[string]any)
	return top["refresh"] == "force_blocking" || top["refresh"] == "force_async"
}
