package tools

import (
	"context"
	"encoding/json"
)

// shape turns an answer into both forms of a result.
func shape(_ context.Context, _ Spec, out any) (*Result, error) {
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	return &Result{Structured: raw, Text: string(raw)}, nil
}
