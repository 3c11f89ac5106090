#!lua name=redis_cache_kit
-- The steps of the cache client that need more than one command on the server. Provisioning loads this file
-- (FUNCTION LOAD REPLACE); where it is not loaded the client does the same with plain commands.
--
-- A lease is a string key: the holder's token (16 characters), then `w` once somebody waits for it. All keys of a call are
-- in one slot. The number in a function's name is its contract: another meaning gets another number, so that clients of
-- two versions can share a server.

local TOKEN_LENGTH = 16
-- A value up to this size is sent along with the wake-up, so that those who wait need not ask for it.
local CARRIED_BYTES = 8192

local function holds(held, token)
  return held and string.sub(held, 1, TOKEN_LENGTH) == token
end

-- Never fails its caller: whoever is not woken asks again when the lease is over.
local function wake(held, channel, token, outcome, payload)
  if #held > TOKEN_LENGTH then
    redis.pcall('PUBLISH', channel, token .. outcome .. (payload or ''))
  end
end

-- Whether the entry is what the holder saw before it loaded: nothing (seen is ''), or a value that begins like this and may
-- have expired since. A deletion needs no check: it takes the lease too. What is no string is no entry.
local function unchanged(entry, seen)
  if seen == '' then return redis.call('TYPE', entry).ok ~= 'string' end
  local now = redis.call('GETRANGE', entry, 0, #seen - 1)
  return now == seen or now == ''
end

-- Returns nil: the lease is the caller's, or { the holder's token, ms until the lease is over }.
local function take(key, token, ms, waits)
  if redis.call('SET', key, token, 'NX', 'PX', ms) then return false end
  local held = redis.call('GET', key)
  -- The answer to an earlier call was lost.
  if holds(held, token) then
    redis.call('PEXPIRE', key, ms)
    return false
  end
  if waits and #held == TOKEN_LENGTH then redis.call('APPEND', key, 'w') end
  return { string.sub(held, 1, TOKEN_LENGTH), redis.call('PTTL', key) }
end

-- KEYS entry, lease; ARGV token, lease in ms. Returns the value, or as `take`: the caller waits for the holder.
local function fetch(keys, args)
  -- MGET: nothing, and no error, for a key of another type.
  return redis.call('MGET', keys[1])[1] or take(keys[2], args[1], args[2], true)
end

-- KEYS lease; ARGV token, lease in ms, 1 where the caller waits for the holder. Returns as `take`.
local function lease(keys, args)
  return take(keys[1], args[1], args[2], args[3] == '1')
end

-- KEYS entry, lease; ARGV token, payload, ttl in ms (0: none), what was seen, channel. Returns 1 when it was stored.
local function store(keys, args)
  local held = redis.call('GET', keys[2])
  if not holds(held, args[1]) then return 0 end
  local stored = unchanged(keys[1], args[4])
  if stored then
    if args[3] == '0' then redis.call('SET', keys[1], args[2])
    else redis.call('SET', keys[1], args[2], 'PX', args[3]) end
  end
  redis.call('DEL', keys[2])
  if stored and #args[2] <= CARRIED_BYTES then wake(held, args[5], args[1], 'v', args[2])
  else wake(held, args[5], args[1], 's') end
  return stored and 1 or 0
end

-- KEYS lease; ARGV token, lease in ms. Returns 1 while the lease is the caller's.
local function renew(keys, args)
  if not holds(redis.call('GET', keys[1]), args[1]) then return 0 end
  return redis.call('PEXPIRE', keys[1], args[2])
end

-- KEYS lease; ARGV token, outcome (f: the load failed, n: it found nothing), channel. Returns 1 when it was the caller's.
local function release(keys, args)
  local held = redis.call('GET', keys[1])
  if not holds(held, args[1]) then return 0 end
  redis.call('DEL', keys[1])
  wake(held, args[3], args[1], args[2])
  return 1
end

-- KEYS entry; ARGV SHA-1 of what was read. Deletes the entry if it still is that. Returns 1 when it did.
local function purge(keys, args)
  local value = redis.call('GET', keys[1])
  if not value or redis.sha1hex(value) ~= args[1] then return 0 end
  return redis.call('UNLINK', keys[1])
end

-- allow-oom: a server that is full still answers reads and gives memory back.
redis.register_function { function_name = 'rck1_fetch', callback = fetch, flags = { 'allow-oom' } }
redis.register_function { function_name = 'rck1_lease', callback = lease, flags = { 'allow-oom' } }
redis.register_function { function_name = 'rck1_store', callback = store, flags = {} }
redis.register_function { function_name = 'rck1_renew', callback = renew, flags = { 'allow-oom' } }
redis.register_function { function_name = 'rck1_release', callback = release, flags = { 'allow-oom' } }
redis.register_function { function_name = 'rck1_purge', callback = purge, flags = { 'allow-oom' } }
