package driver

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const runningExperiment = `{"id":12,"name":"Pricing","feature_flag_key":"pricing","start_date":"2026-03-01T00:00:00Z","end_date":null,
	"parameters":{"feature_flag_variants":[{"key":"control","rollout_percentage":50},{"key":"test","rollout_percentage":50}]},
	"metrics":[{"kind":"ExperimentMetric","metric_type":"funnel","series":[{"kind":"EventsNode","event":"signup"}]}]}`

const bayesian = `{"baseline":{"key":"control","number_of_samples":1000,"sum":100,"sum_squares":100},
	"variant_results":[{"key":"test","method":"bayesian","number_of_samples":1000,"sum":130,"sum_squares":130,"chance_to_win":0.98,"credible_interval":[0.05,0.55],"significant":true}]}`

// experimentServer answers for one experiment; query decides about the rest.
func experimentServer(t *testing.T, experiment string, query http.HandlerFunc) *scripted {
	t.Helper()
	return newScripted(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/experiments/") {
			reply(200, experiment)(w, r)
			return
		}
		query(w, r)
	})
}

func TestExperimentResultsFromTheCache(t *testing.T) {
	t.Parallel()
	s := experimentServer(t, runningExperiment, reply(200, bayesian))
	res, err := clientFor(t, s.URL).ExperimentResults(t.Context(), ExperimentResultsParams{ID: 12})
	require.NoError(t, err)
	require.Equal(t, "running", res.Experiment.Status, "from the dates, when the server does not say")
	require.Len(t, res.Metrics, 1)
	m := res.Metrics[0]
	require.Equal(t, "signup", m.Name)
	require.Equal(t, "bayesian", m.Method)
	require.True(t, m.Variants[0].Baseline)
	require.InDelta(t, 0.1, *m.Variants[0].Mean, 1e-9)
	require.InDelta(t, 0.3, *m.Variants[1].Delta, 1e-9)
	require.Contains(t, m.Summary, "Significantly higher than the baseline: test (+30.0 %, 98.0 % chance to win, interval +5.0 to +55.0 %, 1000 people).")
	require.Contains(t, m.Summary, "2000 people exposed")

	var body struct {
		Query struct {
			Kind         string          `json:"kind"`
			ExperimentID int64           `json:"experiment_id"`
			Metric       json.RawMessage `json:"metric"`
		} `json:"query"`
		Refresh string `json:"refresh"`
	}
	require.NoError(t, json.Unmarshal([]byte(s.bodies[1]), &body))
	require.Equal(t, "ExperimentQuery", body.Query.Kind)
	require.Equal(t, int64(12), body.Query.ExperimentID)
	require.JSONEq(t, `{"kind":"ExperimentMetric","metric_type":"funnel","series":[{"kind":"EventsNode","event":"signup"}]}`, string(body.Query.Metric))
	require.Equal(t, "async", body.Refresh)
}

func TestExperimentResultsPollsUntilComplete(t *testing.T) {
	t.Parallel()
	var polls atomic.Int32
	s := experimentServer(t, runningExperiment, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			reply(202, `{"query_status":{"id":"q1","complete":false}}`)(w, r)
		case polls.Add(1) < 3:
			reply(202, `{"query_status":{"id":"q1","complete":false}}`)(w, r)
		default:
			reply(200, `{"query_status":{"id":"q1","complete":true,"results":`+bayesian+`}}`)(w, r)
		}
	})
	res, err := clientFor(t, s.URL).ExperimentResults(t.Context(), ExperimentResultsParams{ID: 12, Fresh: true})
	require.NoError(t, err)
	require.Equal(t, int32(3), polls.Load())
	require.Len(t, res.Metrics[0].Variants, 2, "the answer is one level deeper in a poll")
	require.Contains(t, s.bodies[1], `"refresh":"force_async"`)
}

func TestExperimentResultsGivesUpAtTheDeadlineAndCancels(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var canceled atomic.Int32
		c := clientFor(t, "http://posthog.test", func(cfg *Config) {
			cfg.AllowHTTP = true
			cfg.Timeouts.Total = 5 * time.Second
			cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				rec := newAnswerRecorder()
				switch {
				case strings.Contains(r.URL.Path, "/experiments/"):
					reply(200, runningExperiment)(rec, r)
				case r.Method == http.MethodDelete:
					canceled.Add(1)
					reply(200, `{"message":"Query q1 cancelled"}`)(rec, r)
				default:
					reply(202, `{"query_status":{"id":"q1","complete":false}}`)(rec, r)
				}
				return rec.response(r), nil
			})
		})
		start := time.Now()
		_, err := c.ExperimentResults(t.Context(), ExperimentResultsParams{ID: 12})
		require.ErrorIs(t, err, KindTimeout)
		require.Equal(t, 5*time.Second, time.Since(start), "canceling takes none of the caller's time")
		synctest.Wait()
		require.Equal(t, int32(1), canceled.Load(), "an abandoned query must not hold one of three places")

		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		_, err = c.ExperimentResults(ctx, ExperimentResultsParams{ID: 12})
		require.Error(t, err)
		require.Contains(t, []Kind{KindTimeout, KindCanceled}, KindOf(err))
	})
}

func TestExperimentResultsKeepsTheGoodMetrics(t *testing.T) {
	t.Parallel()
	two := strings.Replace(runningExperiment, `"metrics":[`, `"metrics_secondary":[{"kind":"ExperimentMetric","metric_type":"mean","name":"broken","source":{"kind":"EventsNode","event":"gone"}}],"metrics":[`, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.Method == http.MethodGet:
			reply(200, two)(w, r)
		case strings.Contains(string(body), "broken"):
			reply(400, problem("validation_error", "invalid_input", "No such event."))(w, r)
		default:
			reply(200, bayesian)(w, r)
		}
	}))
	t.Cleanup(s.Close)
	res, err := clientFor(t, s.URL).ExperimentResults(t.Context(), ExperimentResultsParams{ID: 12})
	require.NoError(t, err)
	require.Len(t, res.Metrics, 2)
	require.Equal(t, "broken", res.Metrics[1].Name)
	require.Equal(t, "secondary", res.Metrics[1].Role)
	require.Contains(t, res.Metrics[1].Problem, "No such event")
	require.Empty(t, res.Metrics[0].Problem)
	require.Len(t, res.Metrics[0].Variants, 2)
}

func TestExperimentResultsTellsAFailedQuery(t *testing.T) {
	t.Parallel()
	s := experimentServer(t, runningExperiment, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			reply(202, `{"query_status":{"id":"q1","complete":false}}`)(w, r)
			return
		}
		reply(200, `{"query_status":{"id":"q1","complete":true,"error":true,"error_message":"No exposures found."}}`)(w, r)
	})
	_, err := clientFor(t, s.URL).ExperimentResults(t.Context(), ExperimentResultsParams{ID: 12})
	require.ErrorIs(t, err, KindInvalid)
	require.ErrorContains(t, err, "No exposures found")
}

func TestExperimentResultsOfADraft(t *testing.T) {
	t.Parallel()
	s := experimentServer(t, `{"id":3,"name":"Later","start_date":null,"metrics":[{}]}`, reply(500, "{}"))
	_, err := clientFor(t, s.URL).ExperimentResults(t.Context(), ExperimentResultsParams{ID: 3})
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, KindInvalid, e.Kind)
	require.Contains(t, e.Detail, "draft")
	require.Equal(t, 1, s.count(), "no query for a draft")

	s = experimentServer(t, `{"id":3,"name":"Bare","start_date":"2026-01-01T00:00:00Z","metrics":[]}`, reply(500, "{}"))
	_, err = clientFor(t, s.URL).ExperimentResults(t.Context(), ExperimentResultsParams{ID: 3})
	require.ErrorContains(t, err, "no metrics")
	_, err = clientFor(t, s.URL).ExperimentResults(t.Context(), ExperimentResultsParams{})
	require.ErrorIs(t, err, KindInvalid)
}

func TestMetricAnswers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		kind, answer, method string
		summary              []string
	}{
		"frequentist": {
			"mean", `{"baseline":{"key":"control","number_of_samples":10,"sum":20},"variant_results":[{"key":"a","method":"frequentist","number_of_samples":10,"sum":15,"p_value":0.012,"confidence_interval":[-0.4,-0.1],"significant":true}]}`,
			"frequentist", []string{"Significantly lower than the baseline: a (-25.0 %, p = 0.012, interval -40.0 to -10.0 %, 10 people)"},
		},
		"too few": {
			"funnel", `{"baseline":{"key":"control","number_of_samples":3,"sum":0,"validation_failures":["not-enough-exposures","baseline-mean-is-zero"]},"variant_results":[{"key":"test","method":"bayesian","number_of_samples":2,"sum":1,"chance_to_win":null,"credible_interval":null,"significant":null}]}`,
			"bayesian", []string{"No significant difference yet: test (2 people)", "Not reliable yet: control: not enough exposures; control: baseline mean is zero"},
		},
		"ratio": {
			"ratio", `{"baseline":{"key":"control","number_of_samples":10,"sum":20,"denominator_sum":40},"variant_results":[{"key":"test","method":"bayesian","number_of_samples":10,"sum":30,"denominator_sum":40,"significant":false}]}`,
			"bayesian", []string{"test (+50.0 %, 10 people)"},
		},
		"legacy funnel": {
			"ExperimentFunnelsQuery", `{"variants":[{"key":"test","success_count":30,"failure_count":70},{"key":"control","success_count":20,"failure_count":80}],"probability":{"control":0.1,"test":0.9},"significant":false,"credible_intervals":{"control":[0.1,0.3],"test":[0.2,0.4]}}`,
			"bayesian", []string{"No significant difference yet: test (+50.0 %, 90.0 % chance to win, 100 people)"},
		},
		"legacy trend": {
			"ExperimentTrendsQuery", `{"variants":[{"key":"control","count":50,"absolute_exposure":100},{"key":"test","count":40,"absolute_exposure":100}],"probability":{"test":0.99},"significant":true}`,
			"bayesian", []string{"Significantly lower than the baseline: test (-20.0 %"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var a metricAnswer
			require.NoError(t, decodeJSON([]byte(tt.answer), &a))
			method, variants := a.read(tt.kind)
			require.Equal(t, tt.method, method)
			require.True(t, variants[0].Baseline)
			require.Equal(t, "control", variants[0].Key)
			summary := conclude(MetricResult{Variants: variants})
			for _, want := range tt.summary {
				require.Contains(t, summary, want)
			}
		})
	}
}

func TestLowerIsBetterIsSaid(t *testing.T) {
	t.Parallel()
	m := readMetric(json.RawMessage(`{"kind":"ExperimentMetric","metric_type":"mean","goal":"decrease","source":{"kind":"EventsNode","event":"error"}}`), "", "primary", 0)
	require.Equal(t, "error", m.Name)
	require.Contains(t, conclude(MetricResult{Goal: m.Goal}), "Lower is better")
}

func TestMetricNames(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`{"kind":"ExperimentMetric","name":"Sales"}`:                                                    "Sales",
		`{"kind":"ExperimentMetric","series":[{"event":"a"},{"custom_name":"B","event":"b"}]}`:          "a → B",
		`{"kind":"ExperimentMetric","source":{"kind":"ExperimentDataWarehouseNode","table_name":"st"}}`: "st",
		`{"query":{"kind":"ExperimentMetric","name":"wrapped"}}`:                                        "wrapped",
		`7`: "primary metric 2",
	} {
		require.Equal(t, want, readMetric(json.RawMessage(raw), "", "primary", 1).Name)
	}
	require.Equal(t, "given", readMetric(json.RawMessage(`{"kind":"ExperimentMetric","name":"x"}`), "given", "shared", 0).Name)
}

func TestLegacyMetricIsItsOwnQuery(t *testing.T) {
	t.Parallel()
	m := readMetric(json.RawMessage(`{"kind":"ExperimentTrendsQuery","count_query":{"kind":"TrendsQuery"}}`), "", "primary", 0)
	node, err := metricNode("op", Experiment{ID: 4}, m)
	require.NoError(t, err)
	raw, err := json.Marshal(node)
	require.NoError(t, err)
	require.JSONEq(t, `{"kind":"ExperimentTrendsQuery","experiment_id":4,"count_query":{"kind":"TrendsQuery"}}`, string(raw))
}

func TestExperimentsRefusesBadArguments(t *testing.T) {
	t.Parallel()
	s := newScripted(t, reply(404, problem("invalid_request", "not_found", "Not found.")))
	c := clientFor(t, s.URL)
	_, err := c.Experiments(t.Context(), ExperimentsParams{Status: "done"})
	require.ErrorIs(t, err, KindInvalid)
	require.ErrorContains(t, err, `"done"`)
	_, err = c.Experiments(t.Context(), ExperimentsParams{ID: -1})
	require.ErrorIs(t, err, KindInvalid)
	require.Zero(t, s.count())
	_, err = c.Experiments(t.Context(), ExperimentsParams{ID: 99})
	require.ErrorIs(t, err, KindNotFound)
	require.ErrorContains(t, err, "no experiment 99")
}
