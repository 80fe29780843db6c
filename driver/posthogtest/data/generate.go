package data

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Options say which world to generate. The zero value of a field takes its
// default; Now has none.
type Options struct {
	Seed     uint64
	Now      time.Time // the clock's "now": the last event is before it
	People   int       // persons; default 2,500
	Days     int       // days of events before Now; default 90
	TimeZone string    // the project's, an IANA name; default UTC

	location *time.Location
}

// Defaults of [Options].
const (
	DefaultPeople = 2500
	DefaultDays   = 90
)

// World is a whole generated project. Nothing in it is changed after
// [Generate]: many a [Store] may begin with the same one.
type World struct {
	Options      Options
	Stories      Stories
	Organization Organization
	Project      Project
	User         UserRef
	Persons      []*Person // by Number
	Events       []*Event  // by (Timestamp, UUID)
	Cohorts      []*Cohort
	Flags        []*FeatureFlag
	Experiments  []*Experiment
	Insights     []*Insight
	Annotations  []*Annotation
	Dashboards   []*Dashboard
	Surveys      []*Survey
	Issues       []*Issue
}

// Generate makes the world of a seed and a clock. The same options give the
// same bytes on every machine. It fails only for impossible options.
func Generate(o Options) (*World, error) {
	if o.Now.IsZero() {
		return nil, errors.New("data: Options.Now is not set; give the clock's time")
	}
	if o.People == 0 {
		o.People = DefaultPeople
	}
	if o.Days == 0 {
		o.Days = DefaultDays
	}
	if o.People < 1 || o.People > 100_000 {
		return nil, fmt.Errorf("data: Options.People is %d; give 1 to 100000", o.People)
	}
	if o.Days < 7 || o.Days > 730 {
		return nil, fmt.Errorf("data: Options.Days is %d; give 7 to 730", o.Days)
	}
	if o.TimeZone == "" {
		o.TimeZone = "UTC"
	}
	var err error
	if o.location, err = time.LoadLocation(o.TimeZone); err != nil {
		return nil, fmt.Errorf("data: Options.TimeZone: %w", err)
	}
	o.Now = o.Now.UTC().Truncate(time.Millisecond)

	w := &World{Options: o, Stories: newStories(&o)}
	w.addProject()
	g := newGenerator(w)
	for i := range o.People {
		g.live(g.newcomer(i))
	}
	w.Persons = g.persons
	slices.SortFunc(g.events, compareEvents)
	w.Events = g.events
	w.addObjects()
	return w, nil
}

func compareEvents(a, b *Event) int {
	if c := a.Timestamp.Compare(b.Timestamp); c != 0 {
		return c
	}
	return slices.Compare(a.UUID[:], b.UUID[:])
}

// generator holds what the making of people and events shares.
type generator struct {
	w       *World
	rng     *rand.Rand
	now     time.Time
	start   time.Time
	loc     *time.Location
	persons []*Person
	events  []*Event
	slab    []Event    // events are cut from it, so that they lie together
	props   []Property // properties likewise

	tables   tables
	pricing  *FeatureFlag
	check    *FeatureFlag
	signups  map[string]*turn // by channel
	onboards map[string]*turn // by checklist variant
	project  turn
	template turn
	converts map[string]*turn // by pricing variant
	fails    turn
	leaves   turn // after a failed payment
	quits    turn // without one
	stays    map[bool]*turn
}

// turn deals outcomes so that a share of them is exact over a long run.
type turn struct{ rest float64 }

func (t *turn) take(share float64) bool {
	t.rest += share
	if t.rest < 1 {
		return false
	}
	t.rest--
	return true
}

func newGenerator(w *World) *generator {
	g := &generator{
		w: w, rng: rand.New(rand.NewPCG(w.Options.Seed, 0x6c756d656e)), //nolint:gosec // a repeatable sequence is the point
		now: w.Options.Now, start: w.Stories.Start, loc: w.Options.location,
		signups: map[string]*turn{}, onboards: map[string]*turn{}, converts: map[string]*turn{}, stays: map[bool]*turn{},
	}
	g.persons = make([]*Person, 0, w.Options.People)
	g.events = make([]*Event, 0, w.Options.People*w.Options.Days*3/4)
	g.tables = newTables()
	g.pricing, g.check = w.flag(PricingFlag), w.flag(ChecklistFlag)
	return g
}

// turnFor gives a key's own turn, started at a point of its own so that the
// turns of two keys do not move together.
func turnFor[K comparable](g *generator, turns map[K]*turn, key K) *turn {
	t := turns[key]
	if t == nil {
		t = &turn{rest: g.rng.Float64()}
		turns[key] = t
	}
	return t
}

// uuidAt makes a version 7 UUID of a time.
func (g *generator) uuidAt(at time.Time) uuid.UUID {
	ms, a, b := at.UnixMilli(), g.rng.Uint64(), g.rng.Uint64()
	var id uuid.UUID
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	for i := range 8 {
		id[8+i] = byte(a >> (8 * i))
	}
	id[6], id[7] = byte(b), byte(b>>8)
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// list copies properties into the slab.
func (g *generator) list(own []Property) []Property {
	if len(own) == 0 {
		return nil
	}
	if cap(g.props)-len(g.props) < len(own) {
		g.props = make([]Property, 0, max(8192, len(own)))
	}
	from := len(g.props)
	g.props = append(g.props, own...)
	return g.props[from:len(g.props):len(g.props)]
}

// event adds one event, unless it would be in the future or before the first
// day. Own is kept as it is.
func (g *generator) event(p *Person, name, distinctID string, at time.Time, own []Property, base *Properties) *Event {
	if !at.Before(g.now) || at.Before(g.start) {
		return nil
	}
	if len(g.slab) == cap(g.slab) {
		g.slab = make([]Event, 0, 4096)
	}
	at = at.Truncate(time.Millisecond)
	g.slab = append(g.slab, Event{
		UUID: g.uuidAt(at), Event: name, Timestamp: at, CreatedAt: at.Add(time.Duration(800+g.rng.IntN(2400)) * time.Millisecond),
		DistinctID: distinctID, Person: p, Properties: Properties{Own: own, Base: base},
	})
	e := &g.slab[len(g.slab)-1]
	g.events = append(g.events, e)
	return e
}

func (g *generator) chance(share float64) bool { return g.rng.Float64() < share }

// between gives a time span of low to high seconds, in milliseconds.
func (g *generator) between(low, high float64) time.Duration {
	return time.Duration((low+g.rng.Float64()*(high-low))*1000) * time.Millisecond
}

func pick[T any](g *generator, list []T) T { return list[g.rng.IntN(len(list))] }

// weighted draws an index by weight.
func (g *generator) weighted(weights []float64) int {
	total := 0.0
	for _, w := range weights {
		total += w
	}
	at := g.rng.Float64() * total
	for i, w := range weights {
		if at -= w; at < 0 {
			return i
		}
	}
	return len(weights) - 1
}

// weekday is how busy a day is.
func (g *generator) weekday(day time.Time) float64 {
	switch day.In(g.loc).Weekday() {
	case time.Saturday:
		return 0.38
	case time.Sunday:
		return 0.42
	case time.Friday:
		return 0.88
	default:
		return 1
	}
}

// hour draws a time of day in the project's zone: office hours, some evenings.
func (g *generator) hour() time.Duration {
	h := 13.5 + g.rng.NormFloat64()*3.4
	for h < 0 || h >= 24 {
		h = g.rng.Float64() * 24
	}
	return time.Duration(h * float64(time.Hour)).Truncate(time.Millisecond)
}
