package main

import (
	"fmt"
	"slices"
	"strings"
)

// lastRow is the number of the scoreboard's last row.
const lastRow = 13

// laboratory is the folder of the module with the faults below HTTP.
const laboratory = "driver/posthogtest/lab"

// suite is one run of go test that measures rows.
type suite struct {
	module string // folder of the module, from the root of the repository; "" is the root
	pkg    string // from there
	tests  []string
	rows   []int
	slow   bool     // left out of a fast run
	env    []string // more of it
	// bars name the rows of tests that report nothing but their log: the bar
	// holds when the test passes, and its last line of log is what it measured.
	bars map[string]bar
}

// bar is a row of such a test.
type bar struct {
	row  int
	text string
}

// suites gives all of them, in the order of the rows.
func suites() []suite {
	const here, quota, capture = "./cmd/chaos", "./driver/quota", "./driver/capture"
	return []suite{
		{pkg: here, rows: []int{1}, tests: []string{"TestRow1"}},
		{pkg: here, rows: []int{2}, tests: []string{"TestRow2"}},
		{pkg: here, rows: []int{3}, tests: []string{"TestRow3"}},
		{pkg: here, rows: []int{4}, tests: []string{"TestRow4"}},
		{pkg: here, rows: []int{5}, tests: []string{"TestRow5"}},
		{pkg: quota, rows: []int{6}, slow: true, tests: []string{"TestTenProcessesOneFile", "TestTenProcessesOneRedis"}, bars: map[string]bar{
			"TestTenProcessesOneFile":  {6, "10 processes on one SQLite file: 0 × 429, ≥ 97 % used, shares within 0.8"},
			"TestTenProcessesOneRedis": {6, "10 processes on one Redis: 0 × 429, ≥ 97 % used, shares within 0.8"},
		}},
		{pkg: quota, rows: []int{7}, slow: true, tests: []string{"TestRedisKilledMidRun"}, bars: map[string]bar{
			"TestRedisKilledMidRun": {7, "Redis killed mid-run: 0 × 429, ≥ 70 % used, no call fails"},
		}},
		{pkg: here, rows: []int{8}, tests: []string{"TestRow8"}},
		{pkg: here, rows: []int{9}, tests: []string{"TestRow9", "TestRow9RealTime", "TestRow9Hopeless"}},
		{pkg: capture, rows: []int{10}, slow: true, tests: []string{"TestKilledAtAnyMomentNothingAcknowledgedIsLost"}, env: []string{"CHAOS_ROUNDS=1000"}, bars: map[string]bar{
			"TestKilledAtAnyMomentNothingAcknowledgedIsLost": {10, "kill -9 1,000 times: 0 acknowledged events lost, 0 twice"},
		}},
		{pkg: here, rows: []int{11}, tests: []string{"TestRow11"}},
		{module: laboratory, pkg: ".", rows: []int{12}, tests: []string{"TestAnswers", "TestRedirects"}},
		{pkg: here, rows: []int{13}, tests: []string{"TestRow13Cached", "TestRow13Uncached"}},
	}
}

// String names the suite for its watcher.
func (s suite) String() string {
	return fmt.Sprintf("row %s: %s in %s", strings.Trim(fmt.Sprint(s.rows), "[]"), strings.Join(s.tests, ", "), strings.TrimPrefix(s.module+"/"+s.pkg, "/./"))
}

// covers reports whether the suite measures one of the rows; nil are all.
func (s suite) covers(rows map[int]bool) bool {
	return rows == nil || slices.ContainsFunc(s.rows, func(n int) bool { return rows[n] })
}

// leftOut gives a result for each of the rows that says why there is none.
func (s suite) leftOut(why string) []result {
	var out []result
	for _, test := range s.tests {
		if b, ok := s.bars[test]; ok {
			out = append(out, result{Row: b.row, Bar: b.text, Measured: why, Verdict: verdictLeftOut})
		}
	}
	if out != nil {
		return out
	}
	for _, n := range s.rows {
		out = append(out, result{Row: n, Bar: strings.Join(s.tests, ", "), Measured: why, Verdict: verdictLeftOut})
	}
	return out
}
