-- Ends slots, or adds requests that the log does not know.
-- KEYS: clock, notes, then for each window its log and phantoms.
-- ARGV: epoch, then for each window: what, id, age, length, and for a refusal
-- shut, phantoms, first phantom's end, limit, learned, for, name ('' else).
-- what: stamp, gone, refused, past (id is the process; age is age:tag,age:tag).
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local function text(n) return string.format('%.0f', n) end
local function unique()
  local id = math.max(now, tonumber(redis.call('HGET', KEYS[1], 'last') or '0') + 1)
  redis.call('HSET', KEYS[1], 'last', text(id))
  return text(id)
end

for i = 2, #ARGV, 11 do
  local n = (i - 2) / 11 + 1
  local what, id, per = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 3])
  local log, phantoms = KEYS[1 + 2 * n], KEYS[2 + 2 * n]
  if what == 'stamp' then
    redis.call('ZADD', log, text(now - tonumber(ARGV[i + 2])), id)
  elseif what == 'past' then
    for age, tag in string.gmatch(ARGV[i + 2], '([^,:]+):([^,:]+)') do
      redis.call('ZADD', log, text(now - tonumber(age)), id .. ':' .. tag)
    end
  else
    redis.call('ZREM', log, id)
  end
  if what == 'refused' then
    local shut, count = tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5])
    local name = ARGV[i + 10]
    local note = redis.call('HMGET', KEYS[2], name .. ':shut', name .. ':limit', name .. ':until', name .. ':learned')
    redis.call('HSET', KEYS[2], name .. ':shut', text(math.max(tonumber(note[1] or '0'), now + shut)))
    local first = math.min(tonumber(ARGV[i + 6]), per)
    for k = 0, count - 1 do
      local ends = first
      if count > 1 then ends = first + (per - first) * k / (count - 1) end
      redis.call('ZADD', phantoms, text(now + ends - per - 5000), unique())
    end
    redis.call('PEXPIRE', phantoms, math.ceil(per / 1000) + 60000)
    local limit, learned, til = tonumber(ARGV[i + 7]), tonumber(ARGV[i + 8]), now + tonumber(ARGV[i + 9])
    if limit > 0 then
      if note[2] and tonumber(note[3]) > now then
        limit, til = math.min(limit, tonumber(note[2])), math.max(til, tonumber(note[3]))
        learned = math.max(learned, tonumber(note[4]))
      end
      redis.call('HSET', KEYS[2], name .. ':limit', tostring(limit), name .. ':until', text(til), name .. ':learned', tostring(learned))
    end
    redis.call('PEXPIRE', KEYS[2], 90000000)
  end
  redis.call('PEXPIRE', log, math.ceil(per / 1000) + 60000 + 120000)
end
if ARGV[1] ~= '' and redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  redis.call('HSETNX', KEYS[1], 'epoch', text(now))
  redis.call('HSET', KEYS[1], 'lost', '1') -- the log that this process knew
  return 'reset'
end
return 'ok'
