package data

import (
	"strconv"
	"strings"
	"time"
)

// Plans of the product.
const (
	PlanFree = "free"
	PlanPro  = "pro"
	PlanTeam = "team"
)

// actor is a person while their life is being made up.
type actor struct {
	p        *Person
	i        int
	channel  *channel
	device   *device
	country  *country
	anon     string // the first anonymous distinct id
	user     string // the identified one
	onDevice *Properties
	onServer *Properties

	old       bool      // signed up before the first day
	signedUp  time.Time // zero: never
	onboarded time.Time // zero: never
	until     time.Time // they stop coming then
	energy    float64   // chance of a visit on a weekday
	templates bool
	willing   bool // would pay at all
	internal  bool // works for the company
	variant   string
	checklist string
	looked    bool // was exposed to the pricing experiment
	plan      string
	seats     float64
	renewAt   time.Time
	surveyed  bool
}

// newcomer makes the i-th person, before their first visit.
func (g *generator) newcomer(i int) *actor {
	a := &actor{i: i, plan: PlanFree, seats: 1, internal: i%211 == 17}
	a.old = i*7%25 < 7 || a.internal
	weights := make([]float64, len(g.tables.channels))
	for j := range weights {
		weights[j] = g.tables.channels[j].weight
	}
	a.channel = &g.tables.channels[g.weighted(weights)]
	if a.old && a.channel.source == WeakChannel { // a campaign of the last quarter
		a.channel = &g.tables.channels[2]
	}
	weights = weights[:0]
	for j := range g.tables.devices {
		weights = append(weights, g.tables.devices[j].weight)
	}
	a.device = &g.tables.devices[g.weighted(weights)]
	weights = weights[:0]
	for j := range g.tables.countries {
		weights = append(weights, g.tables.countries[j].weight)
	}
	a.country = &g.tables.countries[g.weighted(weights)]

	at := g.arrival()
	if a.old {
		at = g.start.Add(-g.between(5*86400, 400*86400))
	}
	a.p = &Person{ID: g.uuidAt(at), Number: int64(i + 1), CreatedAt: at}
	a.anon = g.uuidAt(at).String()
	a.user = "user_" + strconv.Itoa(10_000+i)
	a.p.DistinctIDs = []string{a.anon}
	a.onDevice, a.onServer = g.deviceProperties(a), g.serverProperties()
	a.energy = min(0.95, 0.13*expNormal(g, 0.85))
	a.variant, a.checklist = g.pricing.VariantFor(a.user), g.check.VariantFor(a.user)
	if a.old {
		g.establish(a)
	}
	g.persons = append(g.persons, a.p)
	return a
}

// arrival draws a newcomer's first moment: busier on weekdays.
func (g *generator) arrival() time.Time {
	for {
		at := g.start.Add(g.between(0, g.now.Sub(g.start).Seconds()))
		if !g.chance(g.weekday(at)) {
			continue
		}
		y, m, d := at.In(g.loc).Date()
		at = time.Date(y, m, d, 0, 0, 0, 0, g.loc).Add(g.hour()).UTC()
		if at.After(g.start) && at.Before(g.now) {
			return at
		}
	}
}

// establish gives someone who came before the first day their past.
func (g *generator) establish(a *actor) {
	g.identify(a)
	a.signedUp = a.p.CreatedAt
	a.willing = g.chance(a.channel.pays)
	a.templates = g.chance(0.35)
	a.until = g.start.Add(g.between(0, g.now.Sub(g.start).Seconds()))
	if a.internal || g.chance(0.72) {
		a.until = g.now
	}
	if g.chance(0.82) || a.internal {
		a.onboarded = a.signedUp.Add(g.between(300, 86400))
	} else {
		a.energy *= 0.3
	}
	if a.internal {
		a.plan, a.energy = PlanTeam, max(a.energy, 0.6)
	} else if !a.onboarded.IsZero() && g.chance(0.42) {
		g.choosePlan(a)
		a.willing, a.until = true, g.now
		a.renewAt = g.start.Add(g.between(0, 30*86400))
	}
}

func (g *generator) choosePlan(a *actor) {
	a.plan = PlanPro
	if g.chance(0.28) {
		a.plan, a.seats = PlanTeam, float64(2+g.rng.IntN(14))
	}
}

// identify gives a person their identified distinct id; a few have many.
func (g *generator) identify(a *actor) {
	a.p.IsIdentified = true
	a.p.DistinctIDs = append(a.p.DistinctIDs, a.user)
	more := 0
	switch {
	case a.i%389 == 11:
		more = 25 + g.rng.IntN(20)
	case a.i%9 == 4:
		more = 1 + g.rng.IntN(3)
	}
	for range more {
		a.p.DistinctIDs = append(a.p.DistinctIDs, g.uuidAt(a.p.CreatedAt).String())
	}
}

// live makes all events of one person's days.
func (g *generator) live(a *actor) {
	if !a.old {
		g.firstVisit(a)
	}
	y, m, d := later(a.p.CreatedAt, g.start).In(g.loc).Date()
	for day := time.Date(y, m, d, 0, 0, 0, 0, g.loc); day.Before(g.now); day = day.AddDate(0, 0, 1) {
		g.bill(a, day)
		g.visitOn(a, day)
	}
	g.describe(a)
}

// visitOn decides whether and how often somebody comes on a day.
func (g *generator) visitOn(a *actor, day time.Time) {
	if day.Before(a.p.CreatedAt) { // the first visit has had this day
		return
	}
	share := a.energy * g.weekday(day)
	switch {
	case day.After(a.until):
		return
	case a.signedUp.IsZero():
		share = 0.12 * g.weekday(day)
	case a.onboarded.IsZero():
		share = 0.25 * g.weekday(day)
	case a.plan != PlanFree:
		share = min(0.97, share*1.4)
	}
	if !g.chance(share) {
		return
	}
	at := day.Add(g.hour()).UTC()
	g.visit(a, at)
	for a.energy > 0.5 && g.chance(a.energy*0.55) {
		at = at.Add(g.between(2400, 4*3600))
		g.visit(a, at)
	}
}

// describe writes the person's properties as they are now.
func (g *generator) describe(a *actor) {
	c, d := a.channel, a.device
	own := make([]Property, 0, 20)
	add := func(key string, value any) { own = append(own, Property{Key: key, Value: value}) }
	if !a.signedUp.IsZero() {
		name, email, company := g.identity(a)
		add("email", email)
		add("name", name)
		if company != "" {
			add("company", company)
		}
		add("plan", a.plan)
		add("is_paying", a.plan != PlanFree)
		add("seats", a.seats)
		add("signed_up_at", a.signedUp.Format(timeLayout))
		add("onboarded", !a.onboarded.IsZero() && a.onboarded.Before(g.now))
	}
	add("$initial_referrer", c.referrer)
	add("$initial_referring_domain", c.domain)
	if c.source != "" {
		add("$initial_utm_source", c.source)
		add("$initial_utm_medium", c.medium)
		add("$initial_utm_campaign", c.campaign)
	}
	add("$initial_pathname", "/")
	add("$browser", d.browser)
	add("$os", d.os)
	add("$device_type", d.kind)
	add("$geoip_country_code", a.country.code)
	add("$geoip_country_name", a.country.name)
	a.p.Properties = Properties{Own: own}
}

// timeLayout is how property values and the dump write times.
const timeLayout = "2006-01-02T15:04:05.000Z"

// identity makes up name, email and company.
func (g *generator) identity(a *actor) (name, email, company string) {
	first, last := pick(g, g.tables.firstNames), pick(g, g.tables.lastNames)
	name = first + " " + last
	company = pick(g, g.tables.companies)
	domain := company + ".example"
	switch {
	case a.internal:
		company, domain = ProductName, CompanyDomain
	case a.channel.source == WeakChannel || g.chance(0.4):
		company, domain = "", "mailbox.example"
	}
	email = strings.ToLower(first) + "." + strings.ToLower(last) + strconv.Itoa(a.i) + "@" + domain
	if odd, ok := oddName(a.i); ok {
		name = odd
	}
	return name, email, company
}
