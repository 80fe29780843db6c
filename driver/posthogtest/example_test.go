package posthogtest_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest"
	"github.com/posthog-mcp/posthog-mcp/driver/posthogtest/data"
)

// A test client that meets a busy PostHog twice and then gets through.
func ExampleNew() {
	s, err := posthogtest.New(posthogtest.Options{
		Data:       data.Options{People: 50, Days: 14},
		Clock:      func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) },
		NoListener: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = s.Close() }()
	s.Faults.Add(posthogtest.Fault{Path: "/api/projects/*/query/", Kind: posthogtest.FaultStatus, Status: http.StatusServiceUnavailable, Count: 2})

	client := &http.Client{Transport: s.Transport()}
	for range 3 {
		r, _ := http.NewRequest(http.MethodPost, s.URL()+"/api/projects/@current/query/", strings.NewReader(
			`{"query":{"kind":"HogQLQuery","query":"SELECT uniq(person_id) FROM events"}}`))
		r.Header.Set("Authorization", "Bearer "+s.PersonalKey())
		resp, err := client.Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
		fmt.Println(resp.StatusCode)
	}
	fmt.Println(s.Faults.Counts())
	// Output:
	// 503
	// 503
	// 200
	// map[status:2]
}
