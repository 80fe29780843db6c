-- Says that a process is alive. KEYS: clock, alive. ARGV: owner.
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now - 15000000))
redis.call('PEXPIRE', KEYS[2], 60000)
return {redis.call('HGET', KEYS[1], 'epoch') or '', tostring(redis.call('ZCARD', KEYS[2]))}
