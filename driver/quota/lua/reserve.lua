-- Takes one slot in every window, or says how long to wait.
-- KEYS: clock, alive, queue, notes, then for each window its log and phantoms.
-- ARGV: owner, epoch, priority, lease, patience, place in the queue, ahead,
-- windows' names joined, this process's use, then for each window its name,
-- limit, share and length. A place is priority|use|number|windows.
-- Times are microseconds of the server's clock. A request under way stands in
-- the log with the end of its lease: who never ends it has sent it by then.
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local function text(n) return string.format('%.0f', n) end

local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then
  epoch = text(now)
  redis.call('HSET', KEYS[1], 'epoch', epoch)
end
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(now - 15000000))
redis.call('PEXPIRE', KEYS[2], 60000)
local alive = redis.call('ZCARD', KEYS[2])
if ARGV[2] ~= '' and epoch ~= ARGV[2] then -- the log that this process knew is lost
  redis.call('HSET', KEYS[1], 'lost', '1')
  return {'-1', epoch, tostring(alive)}
end
if ARGV[2] == '' and now - tonumber(epoch) < 6000000 and redis.call('HEXISTS', KEYS[1], 'lost') == 1 then
  return {'-1', epoch, tostring(alive)}
end

local priority, lease, patience = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local waiter, ahead, spec = ARGV[6], tonumber(ARGV[7]), ARGV[8]
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', text(now))
local queue = redis.call('ZRANGE', KEYS[3], 0, -1)
local use = string.format('%d|%08d|', priority, tonumber(ARGV[9]))
-- Without a place the process comes after all of its priority and use.
local mine = use .. '~'
if waiter ~= '' then mine = use .. string.sub(waiter, 12) end

local ok, wait, full, refuse, longest = (ahead == 0), 0, 0, 0, 0
local taken = {}
for i = 10, #ARGV, 4 do
  local name, limit, share, per = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local n = (i - 10) / 4 + 1
  local log, phantoms = KEYS[3 + 2 * n], KEYS[4 + 2 * n]
  if per > longest then longest = per end
  redis.call('ZREMRANGEBYSCORE', log, '-inf', text(now - per - 5000))
  redis.call('ZREMRANGEBYSCORE', phantoms, '-inf', text(now - per - 5000))
  local own, strangers = redis.call('ZCARD', log), redis.call('ZCARD', phantoms)
  local note = redis.call('HMGET', KEYS[4], name .. ':shut', name .. ':limit', name .. ':until', name .. ':new')
  local standing = 0
  if note[2] and tonumber(note[3]) > now then standing = math.max(0, limit - tonumber(note[2])) end
  local used = own + math.max(strangers, standing)
  taken[n] = tostring(used)

  local before = ahead
  for _, w in ipairs(queue) do
    if w ~= waiter and string.find(w, '|' .. name .. '=', 1, true) then
      if w < mine then before = before + 1 end
    end
  end
  local d, free = 0, true
  if note[1] and tonumber(note[1]) > now then d, free = tonumber(note[1]) - now, false end
  local excess = used + before + 1 - share
  if excess > 0 then
    free = false
    -- The slot that comes free is the excess-th oldest of those that end.
    local ends = redis.call('ZRANGE', log, excess - 1, excess - 1, 'WITHSCORES')
    local at = ends[2] and tonumber(ends[2])
    if at and at > now then at = tonumber(ends[1]) end -- under way: not counted before it was reserved
    if strangers > standing then
      local p = redis.call('ZRANGE', phantoms, 0, 0, 'WITHSCORES')
      if not at or tonumber(p[2]) < at then at = tonumber(p[2]) end
    end
    if at and at <= now then d = math.max(d, at + per + 5000 - now) end
  end
  if priority > 0 and per >= 1800000000 then
    local left = limit - used
    if priority == 2 and left * 100 < limit * 10 then refuse = 1 end
    if free and left > 0 then
      local recent = redis.call('ZCOUNT', log, text(now - 300000000), '+inf')
      if left * 300 < recent * 900 and note[4] then
        local at = tonumber(note[4]) + 900000000 / left
        if at > now then d, free = at - now, false end
      end
    end
  end
  if not free and (full == 0 or d > wait) then ok, wait, full = false, d, n end
end

if ok then
  local id = math.max(now, tonumber(redis.call('HGET', KEYS[1], 'last') or '0') + 1)
  redis.call('HSET', KEYS[1], 'last', text(id))
  for i = 10, #ARGV, 4 do
    local n = (i - 10) / 4 + 1
    redis.call('ZADD', KEYS[3 + 2 * n], text(now + lease), text(id))
    redis.call('PEXPIRE', KEYS[3 + 2 * n], math.ceil((tonumber(ARGV[i + 3]) + lease) / 1000) + 60000)
    redis.call('HSET', KEYS[4], ARGV[i] .. ':new', text(now))
  end
  redis.call('PEXPIRE', KEYS[1], math.ceil(longest / 1000) + 60000)
  redis.call('PEXPIRE', KEYS[4], 90000000) -- a lesson lasts a day
  if waiter ~= '' then redis.call('ZREM', KEYS[3], waiter) end
  return {'1', epoch, tostring(alive), text(id), '0', '0', '0', '', unpack(taken)}
end
if ahead == 0 and refuse == 0 and patience > wait then
  if waiter == '' then
    local seq = math.max(now, tonumber(redis.call('HGET', KEYS[1], 'last') or '0') + 1)
    redis.call('HSET', KEYS[1], 'last', text(seq))
    mine = use .. text(seq) .. spec
  elseif mine ~= waiter then
    redis.call('ZREM', KEYS[3], waiter)
  end
  waiter = mine
  redis.call('ZADD', KEYS[3], text(now + math.min(math.max(wait, 250000), 1000000) + 150000), waiter)
  redis.call('PEXPIRE', KEYS[3], 60000)
end
return {'0', epoch, tostring(alive), '0', text(math.ceil(wait)), tostring(full), tostring(refuse), waiter, unpack(taken)}
