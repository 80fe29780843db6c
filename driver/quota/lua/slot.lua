-- Takes, renews or frees a place. KEYS: clock, places of the name.
-- ARGV: what, limit, lease, id. Gives id (0: none free) and the wait.
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local function text(n) return string.format('%.0f', n) end
local lease = tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(now))
if ARGV[1] == 'free' then
  redis.call('ZREM', KEYS[2], ARGV[4])
  return {ARGV[4], '0'}
end
local id = ARGV[4]
if ARGV[1] == 'take' then
  if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[2]) then
    local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
    return {'0', text(tonumber(first[2]) - now)}
  end
  local n = math.max(now, tonumber(redis.call('HGET', KEYS[1], 'last') or '0') + 1)
  redis.call('HSET', KEYS[1], 'last', text(n))
  id = text(n)
end
redis.call('ZADD', KEYS[2], text(now + lease), id)
redis.call('PEXPIRE', KEYS[2], math.ceil(lease / 1000) + 60000)
return {id, '0'}
