package posthogtest

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// taskLife is how long the status of an async query is kept after it changed.
const taskLife = 10 * time.Minute

// maxRuns bounds the log of query runs.
const maxRuns = 1000

// tasks holds async queries by id, the cancel functions of running ones, and
// the log of runs.
type tasks struct {
	mu      sync.Mutex
	byID    map[string]*taskStatus
	cancels map[string]*running
	runs    []queryRun
}

// taskStatus is the query_status of the API.
type taskStatus struct {
	ID             string     `json:"id"`
	TeamID         int64      `json:"team_id"`
	QueryAsync     bool       `json:"query_async"`
	Complete       bool       `json:"complete"`
	Error          bool       `json:"error"`
	ErrorMessage   *string    `json:"error_message"`
	Results        any        `json:"results"`
	StartTime      *time.Time `json:"start_time"`
	PickupTime     *time.Time `json:"pickup_time"`
	EndTime        *time.Time `json:"end_time"`
	ExpirationTime *time.Time `json:"expiration_time"`
	TaskID         *string    `json:"task_id"`
	InsightID      *int64     `json:"insight_id"`
	DashboardID    *int64     `json:"dashboard_id"`
	Labels         []string   `json:"labels"`
	QueryProgress  any        `json:"query_progress"`

	touched time.Time
}

type queryRun struct {
	id, kind, sql string
	start, end    time.Time
	failed        bool
}

// running is a query that can be cancelled.
type running struct{ cancel context.CancelCauseFunc }

func newTasks() *tasks {
	return &tasks{byID: map[string]*taskStatus{}, cancels: map[string]*running{}}
}

// begin gives the context that a query of this id runs under.
func (t *tasks) begin(base context.Context, id string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(base)
	own := &running{cancel}
	t.mu.Lock()
	t.cancels[id] = own
	t.mu.Unlock()
	return ctx, func() {
		t.mu.Lock()
		if t.cancels[id] == own { // and not a later query of the same id
			delete(t.cancels, id)
		}
		t.mu.Unlock()
		cancel(nil)
	}
}

func (t *tasks) logRun(id string, node *queryNode, start, end time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.runs) >= maxRuns {
		t.runs = append(t.runs[:0:0], t.runs[maxRuns/10:]...)
	}
	t.runs = append(t.runs, queryRun{id, node.Kind, sqlOf(node), start, end, err != nil})
}

// status gives a copy of an async query's status, or nil.
func (t *tasks) status(id string, now time.Time) *taskStatus {
	t.mu.Lock()
	defer t.mu.Unlock()
	st := t.byID[id]
	if st == nil || now.Sub(st.touched) >= taskLife {
		return nil
	}
	copied := *st
	return &copied
}

// change updates a status that still exists.
func (t *tasks) change(id string, now time.Time, edit func(*taskStatus)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if st := t.byID[id]; st != nil {
		edit(st)
		st.touched = now
	}
}

func (t *tasks) put(st *taskStatus) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, old := range t.byID {
		if st.touched.Sub(old.touched) >= taskLife {
			delete(t.byID, id)
		}
	}
	t.byID[st.ID] = st
}

// statusBody is the answer of a poll.
type statusBody struct {
	QueryStatus *taskStatus `json:"query_status"`
}

// startTask starts a query in the background. A query of the same id that is
// known already is not started twice unless forced. A stale cached answer is
// given along.
func (s *Server) startTask(node *queryNode, id, key string, stale *cached, force bool) (*reply, error) {
	now := s.now()
	st := s.tasks.status(id, now)
	if st == nil || force {
		st = &taskStatus{ID: id, TeamID: s.projectID, QueryAsync: true, StartTime: &now, touched: now}
		copied := *st
		s.tasks.put(&copied)
		s.running.Go(func() { s.runTask(node, id, key) })
	}
	answer := map[string]any{"cache_key": key}
	if stale != nil {
		answer = stale.answer(true, s.zone())
	}
	answer["query_status"] = st
	code := http.StatusAccepted
	if st.Complete {
		code = http.StatusOK
	}
	return jsonReply(code, answer), nil
}

func (s *Server) runTask(node *queryNode, id, key string) {
	if s.tasks.status(id, s.now()) == nil {
		return // cancelled before it began
	}
	s.tasks.change(id, s.now(), func(st *taskStatus) {
		at := s.now()
		st.PickupTime = &at
	})
	entry, err := s.compute(node, id, key, s.maxAsync)
	end := s.now()
	expires := end.Add(taskLife)
	s.tasks.change(id, end, func(st *taskStatus) {
		st.EndTime, st.ExpirationTime = &end, &expires
		if err != nil {
			st.Error, st.ErrorMessage = true, userMessage(err)
			return
		}
		st.Complete, st.Results = true, entry.answer(false, s.zone())
	})
}

func (s *Server) pollQuery(c *call) (*reply, error) {
	st := s.tasks.status(c.params["id"], c.now)
	if st == nil {
		return nil, notFound("Query " + c.params["id"] + " not found for team " + c.params["project_id"])
	}
	if c.query.Get("show_progress") == "true" && !st.Complete {
		st.QueryProgress = map[string]int{"bytes_read": 0, "rows_read": 0, "estimated_rows_total": 0, "time_elapsed": 0, "active_cpu_time": 0}
	}
	code := http.StatusAccepted
	switch {
	case st.Error && st.ErrorMessage != nil:
		code = http.StatusBadRequest
	case st.Error:
		code = http.StatusInternalServerError
	case st.Complete:
		code = http.StatusOK
	}
	return jsonReply(code, statusBody{st}), nil
}

// cancelQuery stops a query, async or not, and forgets its status.
func (s *Server) cancelQuery(c *call) (*reply, error) {
	id := c.params["id"]
	s.tasks.mu.Lock()
	query := s.tasks.cancels[id]
	delete(s.tasks.byID, id)
	s.tasks.mu.Unlock()
	if query != nil && c.query.Get("dequeue_only") != "true" {
		query.cancel(errCancelled)
	}
	return ok(map[string]string{"message": "Query task revoked"})
}

// queryLog answers the runs of a query id within a day, as a query on
// query_log would.
func (s *Server) queryLog(c *call) (*reply, error) {
	columns := []string{"event_date", "event_time", "query_id", "query", "query_duration_ms", "read_rows", "read_bytes", "type", "exception_code"}
	types := [][2]string{}
	for i, t := range []string{"Date", "DateTime", "String", "String", "UInt64", "UInt64", "UInt64", "String", "Int32"} {
		types = append(types, [2]string{columns[i], t})
	}
	rows := [][]any{}
	s.tasks.mu.Lock()
	defer s.tasks.mu.Unlock()
	for _, r := range s.tasks.runs {
		if r.id != c.params["id"] || c.now.Sub(r.start) > 24*time.Hour {
			continue
		}
		kind, code := "QueryFinish", 0
		if r.failed {
			kind, code = "ExceptionWhileProcessing", 1
		}
		rows = append(rows, []any{
			r.start.UTC().Format(time.DateOnly), r.start.UTC(), r.id, r.sql, r.end.Sub(r.start).Milliseconds(), 0, 0, kind, code,
		})
	}
	return ok(map[string]any{"results": rows, "columns": columns, "types": types, "hasMore": false, "limit": defaultPageSize, "offset": 0})
}
