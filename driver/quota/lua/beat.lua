-- Says that a process is alive. KEYS: clock, alive. ARGV: owner, epoch.
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now - 15000000))
redis.call('PEXPIRE', KEYS[2], 60000)
if ARGV[2] ~= '' and redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[2] then
  redis.call('HSETNX', KEYS[1], 'epoch', string.format('%.0f', now))
  redis.call('HSET', KEYS[1], 'lost', '1') -- the log that this process knew
  redis.call('PEXPIRE', KEYS[1], 3660000)
end
return {redis.call('HGET', KEYS[1], 'epoch') or '', tostring(redis.call('ZCARD', KEYS[2]))}
