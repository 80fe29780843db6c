package data

import "time"

func (a *actor) price() (amount float64, currency string) {
	currency = CurrencyOther
	if a.country.code == "DE" || a.country.code == "FR" {
		currency = CurrencyEurope
	}
	if a.plan == PlanTeam {
		return 29 * a.seats, currency
	}
	return 12, currency
}

// seePlans lets somebody on the free plan open the plans, with a chance. In
// the experiment's time that is an exposure, and the variant decides how many
// subscribe. They do so under the user's own distinct id, which the flag hashes.
func (g *generator) seePlans(a *actor, v *visit, chance float64) {
	if a.plan != PlanFree || a.internal || v.distinct != a.user || !g.chance(chance) {
		return
	}
	g.look(v, g.tables.billing)
	variant, share := "before", 0.22
	if !v.at.Before(g.w.Stories.PricingStart) {
		variant = a.variant
		g.emit(v, "$feature_flag_called",
			Property{"$feature_flag", PricingFlag}, Property{"$feature_flag_response", variant}, Property{"$feature/" + PricingFlag, variant},
			Property{"$current_url", v.last.url}, Property{"$pathname", v.last.path})
		v.at = v.at.Add(g.between(0.1, 0.5))
		if variant == VariantTest {
			share = 0.48
		}
	}
	g.do(v, "pricing_viewed", Property{"location", "app"})
	if a.looked { // has made up their mind
		return
	}
	a.looked = variant != "before"
	buys := a.willing && !v.at.After(g.now.Add(-time.Hour)) && turnFor(g, g.converts, variant).take(share)
	if !buys && !g.chance(0.15) {
		return
	}
	interest := *a
	g.choosePlan(&interest)
	amount, currency := interest.price()
	g.do(v, "checkout_started", Property{"plan", interest.plan}, Property{"amount", amount}, Property{"currency", currency})
	if !buys {
		return
	}
	a.plan, a.seats = interest.plan, interest.seats
	v.at = v.at.Add(g.between(20, 200))
	g.do(v, "subscription_started", Property{"plan", a.plan}, Property{"amount", amount}, Property{"currency", currency}, Property{"seats", a.seats})
	a.renewAt = v.at.AddDate(0, 0, 30)
	a.until = g.now
	a.energy = max(a.energy, 0.15)
}

// bill does what falls due on a day: the renewal, or its failure and what
// follows. These events come from the server and have no session.
func (g *generator) bill(a *actor, day time.Time) {
	if a.renewAt.IsZero() || a.renewAt.Before(day) || !a.renewAt.Before(day.AddDate(0, 0, 1)) {
		return
	}
	amount, currency := a.price()
	sale := func(more ...Property) []Property {
		return g.list(append([]Property{{"plan", a.plan}, {"amount", amount}, {"currency", currency}, {"seats", a.seats}}, more...))
	}
	at := a.renewAt
	if g.fails.take(0.12) {
		reason := pick(g, []string{"card_expired", "insufficient_funds", "card_declined"})
		g.event(a.p, "payment_failed", a.user, at, sale(Property{"reason", reason}, Property{"attempt", 1.0}), a.onServer)
		if g.leaves.take(0.60) {
			g.cancel(a, at.Add(g.between(86400, 8*86400)), "payment_failed", sale)
			return
		}
		at = at.Add(g.between(86400, 3*86400))
	}
	g.event(a.p, "subscription_renewed", a.user, at, sale(), a.onServer)
	a.renewAt = a.renewAt.AddDate(0, 0, 30)
	if g.quits.take(0.05) {
		g.cancel(a, at.Add(g.between(2*86400, 20*86400)), pick(g, []string{"too_expensive", "missing_feature", "not_using"}), sale)
	}
}

// cancel ends a subscription at a time; after that the person stays away.
func (g *generator) cancel(a *actor, at time.Time, reason string, sale func(...Property) []Property) {
	g.event(a.p, "subscription_cancelled", a.user, at, sale(Property{"reason", reason}), a.onServer)
	a.until = at
	a.renewAt = time.Time{}
	if at.Before(g.now) {
		a.plan, a.seats = PlanFree, 1
	}
}
