package tools

import (
	"encoding/json"

	"github.com/posthog-mcp/posthog-mcp/driver"
)

// Result is the answer to one call, ready for any transport. Hosts show the
// model either Structured or Text, so each is complete without the other.
type Result struct {
	Structured json.RawMessage // one JSON object
	Text       string
	IsError    bool
	Links      []ResourceLink
	Trace      driver.TraceData // what the pipeline did for this call, for the log line
}

// ResourceLink points at a resource that the answer is about, such as an
// exported file.
type ResourceLink struct {
	URI         string
	Name        string
	Title       string
	Description string
	MIMEType    string
	Size        int64 // bytes; 0 when unknown
}

// Linked is an answer (Out) that points at resources.
type Linked interface {
	ResourceLinks() []ResourceLink
}

// Noticed is an answer (Out) with something that the model must know, one short
// sentence each, such as "3 of 10 events were refused".
type Noticed interface {
	Notices() []string
}
