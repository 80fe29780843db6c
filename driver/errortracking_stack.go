package driver

import (
	"encoding/json"
	"maps"
	"slices"
)

// nested is a JSON tree that some servers write as text.
type nested[T any] struct{ value T }

// UnmarshalJSON reads a tree, or a text that holds one. Anything else leaves
// the zero value: an odd property must not hide the rest of an event.
func (n *nested[T]) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = []byte(text)
	}
	if isTree(raw) {
		var v T
		if json.Unmarshal(raw, &v) == nil {
			n.value = v
		}
	}
	return nil
}

// words is a text; other JSON becomes empty.
type words string

// UnmarshalJSON reads a text.
func (w *words) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*w = words(text)
	}
	return nil
}

// position is a line or column; other JSON becomes zero.
type position int64

// UnmarshalJSON reads a number.
func (p *position) UnmarshalJSON(raw []byte) error {
	var f float64
	if json.Unmarshal(raw, &f) == nil && f >= 0 && f < 1<<53 {
		*p = position(f)
	}
	return nil
}

// exceptionRecord is what the properties of an $exception event say.
type exceptionRecord struct {
	List     nested[[]exceptionItem]           `json:"$exception_list"`
	Releases nested[map[string]releaseOfEvent] `json:"$exception_releases"`
	Version  words                             `json:"$app_version"`
	Release  words                             `json:"release"`
	URL      words                             `json:"$current_url"`
	Browser  words                             `json:"$browser"`
	OS       words                             `json:"$os"`
}

type releaseOfEvent struct {
	Version words `json:"version"`
}

type exceptionItem struct {
	Type      words `json:"type"`
	Value     words `json:"value"`
	Mechanism struct {
		Handled bool `json:"handled"`
	} `json:"mechanism"`
	Stack struct {
		Frames []frameRecord `json:"frames"`
	} `json:"stacktrace"`
}

// frameRecord has the names of resolved frames and those that SDKs send.
type frameRecord struct {
	Resolved words    `json:"resolved_name"`
	Mangled  words    `json:"mangled_name"`
	Function words    `json:"function"`
	Source   words    `json:"source"`
	File     words    `json:"filename"`
	Line     position `json:"line"`
	Column   position `json:"column"`
	LineNo   position `json:"lineno"`
	ColNo    position `json:"colno"`
	InApp    bool     `json:"in_app"`
}

// readException reads an event's properties, which PostHog gives as JSON text.
// What cannot be read is empty.
func readException(raw json.RawMessage) exceptionRecord {
	var n nested[exceptionRecord]
	_ = json.Unmarshal(raw, &n) // it never fails
	return n.value
}

// release is the version of the release that sent the event.
func (r exceptionRecord) release() string {
	for _, id := range slices.Sorted(maps.Keys(r.Releases.value)) {
		if v := r.Releases.value[id].Version; v != "" {
			return string(v)
		}
	}
	return string(firstWord(r.Version, r.Release))
}

func (r exceptionRecord) event() *ErrorEvent {
	out := &ErrorEvent{URL: string(r.URL), Browser: string(r.Browser), OS: string(r.OS)}
	for _, item := range r.List.value {
		e := Exception{Type: string(item.Type), Message: string(item.Value), Handled: item.Mechanism.Handled}
		for _, f := range item.Stack.Frames {
			e.Frames = append(e.Frames, StackFrame{
				Function: string(firstWord(f.Resolved, f.Function, f.Mangled)), File: string(firstWord(f.Source, f.File)),
				Line: int64(max(f.Line, f.LineNo)), Column: int64(max(f.Column, f.ColNo)), InApp: f.InApp,
			})
		}
		out.Exceptions = append(out.Exceptions, e)
	}
	return out
}

func firstWord(list ...words) words {
	for _, w := range list {
		if w != "" {
			return w
		}
	}
	return ""
}
