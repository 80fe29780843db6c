-- Describes windows. KEYS: notes, then for each window its log and phantoms.
-- ARGV: for each window its name, limit and length. Gives for each: limit,
-- learned, used, own, reserved, next slot, full reset, shut, then the arrivals
-- of each of the latest five minutes and the ends of each twelfth to come.
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local function text(n) return string.format('%.0f', n) end
local out = {}
for i = 1, #ARGV, 3 do
  local n = (i - 1) / 3 + 1
  local name, limit, per = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local log, phantoms = KEYS[2 * n], KEYS[1 + 2 * n]
  local from = '(' .. text(now - per - 5000)
  local own = redis.call('ZCOUNT', log, from, '+inf')
  local counted = redis.call('ZCOUNT', log, from, text(now))
  local strangers = redis.call('ZCOUNT', phantoms, from, '+inf')
  local note = redis.call('HMGET', KEYS[1], name .. ':shut', name .. ':limit', name .. ':until', name .. ':learned')
  local standing, learned = 0, 0
  if note[2] and tonumber(note[3]) > now then
    standing, learned = math.max(0, limit - tonumber(note[2])), tonumber(note[4])
  end
  local used, shown = counted + math.max(strangers, standing), limit
  if learned == 1 then
    used, shown = counted + math.max(0, strangers - standing), limit - standing
  end
  local shut, nextslot, reset = 0, 0, 0
  if note[1] and tonumber(note[1]) > now then
    shut, nextslot = 1, tonumber(note[1]) - now
    reset = nextslot
  end
  local excess = own + math.max(strangers, standing) + 1 - limit
  if excess > 0 then
    local e = redis.call('ZRANGEBYSCORE', log, from, '+inf', 'WITHSCORES', 'LIMIT', excess - 1, 1)
    local at = e[2] and tonumber(e[2])
    if at and at > now then at = tonumber(e[1]) end -- under way: not counted before it was reserved
    if strangers > standing then
      local p = redis.call('ZRANGEBYSCORE', phantoms, from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
      if not at or tonumber(p[2]) < at then at = tonumber(p[2]) end
    end
    if at and at <= now then nextslot = math.max(nextslot, at + per + 5000 - now) end
  end
  for _, key in ipairs({log, phantoms}) do
    local e = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')
    if e[2] then reset = math.max(reset, math.min(tonumber(e[2]), now) + per + 5000 - now) end
  end
  for _, v in ipairs({shown, learned, used, own, own - counted, nextslot, reset, shut}) do out[#out + 1] = text(math.max(0, v)) end
  for k = 0, 4 do
    out[#out + 1] = text(redis.call('ZCOUNT', log, '(' .. text(now - (k + 1) * 60000000), k == 0 and '+inf' or text(now - k * 60000000)))
  end
  for k = 0, 11 do
    out[#out + 1] = text(redis.call('ZCOUNT', log, '(' .. text(now - per + k * per / 12), text(now - per + (k + 1) * per / 12)))
  end
end
return out
