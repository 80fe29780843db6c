package data

import (
	"math"
	"time"
)

// expNormal draws a log-normal factor around 1: most are small, a few large.
func expNormal(g *generator, sigma float64) float64 { return math.Exp(g.rng.NormFloat64() * sigma) }

func (g *generator) deviceProperties(a *actor) *Properties {
	d, c := a.device, a.country
	own := []Property{
		{"$browser", d.browser}, {"$browser_version", d.version}, {"$os", d.os}, {"$device_type", d.kind},
		{"$screen_width", d.width}, {"$lib", "web"}, {"$lib_version", "1.194.1"}, {"$device_id", a.anon},
		{"$geoip_country_code", c.code}, {"$geoip_country_name", c.name},
	}
	if c.city != "" {
		own = append(own, Property{"$geoip_city_name", c.city})
	}
	return &Properties{Own: own}
}

func (g *generator) serverProperties() *Properties {
	return &Properties{Own: []Property{{"$lib", "posthog-node"}, {"$lib_version", "4.3.1"}, {"$geoip_disable", true}}}
}

// visit is one session while it is being made.
type visit struct {
	a        *actor
	at       time.Time
	distinct string
	session  string
	window   string
	version  int
	base     *Properties
	last     page // the page being looked at
	since    time.Time
}

// open starts a session. A session from a channel carries its referrer and
// UTM parameters on every event, as the browser library does.
func (g *generator) open(a *actor, at time.Time, distinct string, from *channel) *visit {
	v := &visit{a: a, at: at, distinct: distinct, session: g.uuidAt(at).String(), window: g.uuidAt(at).String(), version: g.w.Stories.version(at)}
	version := g.w.Stories.Releases[v.version].Version
	own := []Property{{"$session_id", v.session}, {"$window_id", v.window}, {"$app_version", version}, {"release", version}}
	if from != nil {
		own = append(own, Property{"$referrer", from.referrer}, Property{"$referring_domain", from.domain})
		if from.source != "" {
			own = append(own, Property{"utm_source", from.source}, Property{"utm_medium", from.medium}, Property{"utm_campaign", from.campaign})
		}
	} else {
		own = append(own, Property{"$referrer", "$direct"}, Property{"$referring_domain", "$direct"})
	}
	if distinct != a.anon {
		active := make([]any, 0, 2)
		if RolloutHash(EditorFlag, a.user, "") <= 0.30 {
			active = append(active, EditorFlag)
			own = append(own, Property{"$feature/" + EditorFlag, true})
		}
		if !at.Before(g.w.Stories.PricingStart) {
			active = append(active, PricingFlag)
			own = append(own, Property{"$feature/" + PricingFlag, a.variant})
		}
		own = append(own, Property{"$active_feature_flags", active})
	}
	v.base = &Properties{Own: g.list(own), Base: a.onDevice}
	return v
}

// emit adds an event of the session at its present moment.
func (g *generator) emit(v *visit, name string, own ...Property) {
	e := g.event(v.a.p, name, v.distinct, v.at, g.list(own), v.base)
	if e != nil {
		e.SessionID, e.WindowID = v.session, v.window
	}
}

func (p *page) properties() []Property {
	return []Property{{"$current_url", p.url}, {"$pathname", p.path}}
}

// do adds an event of the product on the page being looked at.
func (g *generator) do(v *visit, name string, own ...Property) {
	var room [10]Property
	g.emit(v, name, append(append(room[:0], v.last.properties()...), own...)...)
	v.at = v.at.Add(g.between(2, 45))
}

// look opens a page and leaves the one before.
func (g *generator) look(v *visit, p page) {
	g.leave(v)
	host := any(AppHost)
	if len(p.url.(string)) > len(SiteHost)+8 && p.url.(string)[8:8+len(SiteHost)] == SiteHost {
		host = SiteHost
	}
	g.emit(v, "$pageview", Property{"$current_url", p.url}, Property{"$pathname", p.path}, Property{"$host", host}, Property{"title", p.title})
	v.last, v.since = p, v.at
	v.at = v.at.Add(g.between(4, 90))
}

// leave closes the page being looked at.
func (g *generator) leave(v *visit) {
	if v.last.url == nil || !g.chance(0.8) {
		return
	}
	seconds := v.at.Sub(v.since).Seconds()
	g.emit(v, "$pageleave", Property{"$current_url", v.last.url}, Property{"$pathname", v.last.path}, Property{"$prev_pageview_duration", math.Round(seconds*10) / 10})
	v.at = v.at.Add(g.between(0.1, 0.6))
}

func (g *generator) click(v *visit) {
	n := g.rng.IntN(len(g.tables.labels))
	e := len(g.events)
	g.do(v, "$autocapture", Property{"$event_type", "click"}, Property{"$el_text", g.tables.labels[n]})
	if len(g.events) > e {
		g.events[e].ElementsChain = g.tables.chains[n]
	}
}

// firstVisit is a newcomer's first session: the landing page, some reading
// and, for most, the signup.
func (g *generator) firstVisit(a *actor) {
	c := a.channel
	v := g.open(a, a.p.CreatedAt, a.anon, c)
	g.look(v, g.tables.site[0])
	for g.chance(0.45) {
		g.look(v, pick(g, g.tables.site[1:]))
	}
	if g.chance(0.25) {
		g.look(v, g.tables.pricing)
		g.do(v, "pricing_viewed", Property{"location", "site"})
	}
	a.until = a.p.CreatedAt.AddDate(0, 0, 10)
	if !turnFor(g, g.signups, c.source+c.domain+" starts").take(c.started) {
		g.leave(v)
		return
	}
	g.look(v, g.tables.signup)
	method := any([]string{"google", "email", "github"}[g.weighted([]float64{5, 4, 1})])
	g.do(v, "signup_started", Property{"method", method})
	v.at = v.at.Add(g.between(10, 150))
	if !turnFor(g, g.signups, c.source+c.domain+" signs").take(c.signed) {
		g.leave(v)
		return
	}
	if v.at.Before(g.now) {
		v = g.signUp(a, v, method)
	}
	g.leave(v)
}

// signUp turns the anonymous session into a user's and decides what becomes
// of them. It gives the session that is open at the end.
func (g *generator) signUp(a *actor, v *visit, method any) *visit {
	g.identify(a)
	a.signedUp = v.at
	v.distinct = a.user
	g.emit(v, "$identify", Property{"$anon_distinct_id", a.anon}, Property{"$user_id", a.user})
	v.at = v.at.Add(g.between(0.2, 1))
	g.do(v, "user_signed_up", Property{"method", method}, Property{"plan", PlanFree})
	a.willing = turnFor(g, g.signups, a.channel.source+a.channel.domain+" pays").take(a.channel.pays)
	a.templates = g.template.take(0.36)

	st := &g.w.Stories
	group := "none"
	if !v.at.Before(st.ChecklistStart) && v.at.Before(st.ChecklistEnd) {
		group = a.checklist
		g.do(v, "$feature_flag_called", Property{"$feature_flag", ChecklistFlag}, Property{"$feature_flag_response", a.checklist}, Property{"$feature/" + ChecklistFlag, a.checklist})
	}
	if !turnFor(g, g.onboards, group).take(0.40) {
		a.until = v.at.Add(time.Duration(g.rng.ExpFloat64() * 4 * 24 * float64(time.Hour)))
		g.seePlans(a, v, 0.45)
		return v
	}
	if turnFor(g, g.stays, a.templates).take(map[bool]float64{true: 0.88, false: 0.28}[a.templates]) {
		a.until = g.now
		a.energy = max(a.energy, 0.16)
	} else {
		a.until = v.at.Add(time.Duration((1 + g.rng.ExpFloat64()*8) * 24 * float64(time.Hour)))
	}
	if g.chance(0.7) {
		v.at = v.at.Add(g.between(60, 900))
	} else {
		g.leave(v)
		later := v.at.Add(g.between(4*3600, 3*86400))
		v = g.open(a, later, a.user, nil)
		g.look(v, g.tables.app[0])
	}
	g.onboard(a, v)
	return v
}

// onboard completes onboarding and, mostly, starts a project.
func (g *generator) onboard(a *actor, v *visit) {
	a.onboarded = v.at
	a.until = later(a.until, v.at.AddDate(0, 0, 1))
	g.do(v, "onboarding_completed", Property{"steps", 4.0}, Property{"skipped", g.chance(0.2)})
	if g.project.take(0.85) {
		v.at = v.at.Add(g.between(30, 1200))
		g.look(v, g.tables.app[2])
		g.do(v, "project_created", Property{"source", "onboarding"})
	}
	if a.templates {
		g.useTemplate(v)
	}
	g.seePlans(a, v, 0.5)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (g *generator) useTemplate(v *visit) {
	name := pick(g, g.tables.templates)
	g.look(v, g.tables.app[4])
	g.do(v, TemplateEvent, Property{"template", name})
	g.do(v, "note_created", Property{"template", name}, Property{"word_count", float64(20 + g.rng.IntN(380))})
}

// visit is one later session of a person.
func (g *generator) visit(a *actor, at time.Time) {
	if a.signedUp.IsZero() {
		v := g.open(a, at, a.anon, nil)
		g.look(v, pick(g, g.tables.site))
		for g.chance(0.4) {
			g.look(v, pick(g, g.tables.site))
		}
		g.leave(v)
		return
	}
	distinct := a.user
	if n := len(a.p.DistinctIDs); n > 2 && g.chance(0.15) {
		distinct = a.p.DistinctIDs[2+g.rng.IntN(n-2)]
	}
	v := g.open(a, at, distinct, nil)
	g.look(v, g.tables.app[0])
	actions := 1 + int((2.3+3.6*a.energy)*g.rng.ExpFloat64())
	for range min(actions, 60) {
		g.act(a, v)
	}
	if a.templates && g.chance(0.25) {
		g.useTemplate(v)
	}
	if a.plan == PlanFree {
		g.seePlans(a, v, map[bool]float64{true: 0.22, false: 0.10}[a.willing])
	}
	if !a.surveyed && a.i%6 == 2 && g.chance(0.08) {
		a.surveyed = true
		score := []string{"3", "6", "7", "8", "9", "10"}[g.weighted([]float64{1, 2, 3, 5, 5, 4})]
		g.do(v, "survey sent", Property{"$survey_id", NPSSurveyID}, Property{"$survey_name", "How likely are you to recommend us?"}, Property{"$survey_response", score}, Property{"$survey_response_" + NPSQuestionID, score})
	}
	g.leave(v)
}

// act is one thing done in the product.
func (g *generator) act(a *actor, v *visit) {
	switch g.weighted([]float64{40, 26, 22, 1.2, 1.5}) {
	case 0:
		p := pick(g, g.tables.app)
		g.look(v, p)
		if p.path == "/editor" {
			g.editorFaults(v)
			if g.chance(0.3) {
				on := RolloutHash(EditorFlag, a.user, "") <= 0.30
				g.do(v, "$feature_flag_called", Property{"$feature_flag", EditorFlag}, Property{"$feature_flag_response", on})
			}
		}
	case 1:
		g.click(v)
	case 2:
		g.do(v, "note_created", Property{"word_count", float64(5 + g.rng.IntN(600))})
	case 3:
		g.do(v, "teammate_invited", Property{"role", pick(g, []string{"editor", "viewer"})})
	case 4:
		g.do(v, "project_created", Property{"source", "app"})
	}
	g.noise(v)
}
