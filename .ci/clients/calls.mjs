// What every client does with the demo: ten calls whose answers are checked,
// one that must teach, the quota and a prompt.
import assert from 'node:assert/strict'

export const CALLS = [
  ['list_objects', { kind: 'events' }, /user_signed_up/],
  ['get_fields', { object: '$pageview' }, /\$current_url/],
  ['query', { query: 'SELECT event, count() AS n FROM events WHERE timestamp > now() - INTERVAL 30 DAY GROUP BY event ORDER BY n DESC LIMIT 5' }, /\$pageview/],
  ['get_events', { events: ['user_signed_up'], limit: 3 }, /user_signed_up/],
  ['get_persons', { limit: 3 }, /@/],
  ['get_cohorts', {}, /cohort|id/i],
  ['get_feature_flags', {}, /pricing-page-v2/],
  ['get_experiments', {}, /pricing/i],
  ['identify_power_users', {}, /events/],
  ['analyze_funnel', { steps: ['signup_started', 'user_signed_up', 'onboarding_completed'] }, /onboarding_completed/],
]

const text = (r) => r.content.filter((c) => c.type === 'text').map((c) => c.text).join('\n')

/** Runs the whole visit with any SDK client; returns how many calls were made. */
export async function visit(client, label, tools) {
  assert.ok(tools.length >= 25, `${label}: only ${tools.length} tools listed`)
  for (const t of tools) {
    assert.ok(t.description && t.inputSchema.type === 'object', `${label}: ${t.name} has no description or schema`)
    for (const hint of ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'])
      assert.equal(typeof t.annotations?.[hint], 'boolean', `${label}: ${t.name} lacks ${hint}`)
  }
  for (const [name, args, want] of CALLS) {
    const r = await client.callTool({ name, arguments: args })
    assert.ok(!r.isError, `${label}: ${name} failed: ${text(r)}`)
    assert.match(text(r), want, `${label}: ${name}`)
    assert.match(JSON.stringify(r.structuredContent), want, `${label}: ${name}, structured`)
  }
  const bad = await client.callTool({ name: 'query', arguments: { query: 'SELEC 1', limt: 3 } })
  assert.ok(bad.isError && /limt/.test(text(bad)), `${label}: an unknown argument must be named: ${text(bad)}`)
  const quota = await client.readResource({ uri: 'posthog://quota' })
  const q = JSON.parse(quota.contents[0].text)
  assert.ok(q.windows.some((w) => w.used > 0), `${label}: the quota shows no use`)
  const prompts = await client.listPrompts()
  assert.ok(prompts.prompts.length >= 8, `${label}: prompts`)
  const prompt = await client.getPrompt({ name: 'funnel_dropoff', arguments: { goal: 'signup' } })
  assert.match(prompt.messages[0].content.text, /on the way to signup/)
  return CALLS.length + 1
}
