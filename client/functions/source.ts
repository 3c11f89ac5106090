/**
 * Text of `redis_cache_kit.lua`, as a function library and as one script. The text is part of the code, so that a
 * bundle contains it; provisioning reads the file instead. A test checks that the two are equal.
 */
import { createHash } from 'node:crypto';

/** Source for FUNCTION LOAD. */
export const LIBRARY = String.raw`#!lua name=redis_cache_kit_2
-- Operations of the cache client that take more than one command. The client runs them as functions of this library
-- (FUNCTION LOAD, by provisioning or by the client itself), as one script with the same text (EVALSHA), or as plain
-- commands (client/load/lease.ts).
--
-- The lease of an absent entry takes the place of the entry: a placeholder, which every reader treats as a miss. A set,
-- deletion, flush or eviction of the entry ends the lease, so a load in flight then stores nothing. The lease of an
-- entry that is to be replaced is a separate key.
--
-- All keys of a call are in one slot. The number in the library's name identifies its contract: a changed contract gets
-- another number, so clients of two versions can share a server.

-- A placeholder is an envelope (client/codec/placeholder.ts): 4 bytes of header, CRC-32, schema 0, fresh until 1970;
-- the holder's token; 1 in the last byte once a process waits.
local HEAD, MIDDLE = '\206\2\36\0', '\0\0\0\0\0\0\0\0\0\0\0\0'
local TOKEN_FROM, TOKEN_TO, LENGTH = 21, 36, 37
-- CRC-32 is linear: flipping the last bit of a message changes its checksum by these bytes, low byte first.
local FLIPPED = { 0x96, 0x30, 0x07, 0x77 }
-- A value up to this size is published with the wake-up, so that waiters need not read it.
local PUBLISHED_BYTES = 8192

-- The token of a placeholder; nil for any other value.
local function token_of(value)
  if not value or #value ~= LENGTH or string.sub(value, 1, 4) ~= HEAD then return nil end
  if string.sub(value, 9, 20) ~= MIDDLE then return nil end
  return string.sub(value, TOKEN_FROM, TOKEN_TO)
end

-- The first bytes of the entry, enough to recognise a placeholder; '' for an absent entry and for a key of another
-- type.
local function head_of(entry)
  local head = redis.pcall('GETRANGE', entry, 0, LENGTH)
  if type(head) ~= 'table' then return head end
  -- The key has another type, or the user may not call GETRANGE.
  local value = redis.call('MGET', entry)[1]
  return value and string.sub(value, 1, LENGTH + 1) or ''
end

local function is_awaited(placeholder)
  return string.byte(placeholder, LENGTH) == 1
end

local function await(entry, placeholder)
  if is_awaited(placeholder) then return end
  local sum = {}
  for i = 1, 4 do sum[i] = string.char(bit.bxor(string.byte(placeholder, 4 + i), FLIPPED[i])) end
  local marked = HEAD .. table.concat(sum) .. string.sub(placeholder, 9, LENGTH - 1) .. '\1'
  redis.call('SET', entry, marked, 'KEEPTTL')
end

-- Never fails its caller: a waiter that is not woken reads again when the lease expires.
local function wake(channel, token, outcome, payload)
  redis.pcall('PUBLISH', channel, token .. outcome .. (payload or ''))
end

-- Puts the placeholder in place of an absent entry. Returns false if the caller now holds the lease, or
-- { the holder's token, ms until the lease expires }.
local function claim(entry, current, placeholder, ms)
  local holder = token_of(current)
  if not holder then
    redis.call('SET', entry, placeholder, 'PX', ms)
    return false
  end
  if holder == token_of(placeholder) then
    -- The reply to an earlier call was lost.
    redis.call('PEXPIRE', entry, ms)
    return false
  end
  await(entry, current)
  return { holder, redis.call('PTTL', entry) }
end

-- A stale entry lives at least as long as the lease to replace it, so an absent entry was deleted or overwritten.
local function keep(entry, ms)
  local left = redis.call('PTTL', entry)
  if left >= 0 and left < tonumber(ms) then redis.call('PEXPIRE', entry, ms) end
end

-- A lease in a separate key is a token, followed by a w once a process waits.
local function is_held(lease, token)
  local held = redis.call('GET', lease)
  return held and string.sub(held, 1, #token) == token, held and #held > #token
end

local procedures = {}

-- KEYS entry; ARGV placeholder, lease in ms. Returns the value, or the result of claim.
function procedures.fetch(keys, args)
  -- MGET returns nothing, and no error, for a key of another type.
  local value = redis.call('MGET', keys[1])[1]
  if value and not token_of(value) then return value end
  return claim(keys[1], value, args[1], args[2])
end

-- Takes the lease to replace an entry. KEYS entry, its lease (absent: none in its slot); ARGV placeholder, lease in ms,
-- 1 if the caller waits for the holder. Returns the first bytes of the entry if the caller now holds the separate
-- lease; otherwise the result of claim.
function procedures.take(keys, args)
  local entry, lease = keys[1], keys[2]
  local head = head_of(entry)
  if head == '' or token_of(head) then return claim(entry, head, args[1], args[2]) end
  if not lease then return head end
  local token = token_of(args[1])
  if not redis.call('SET', lease, token, 'NX', 'PX', args[2]) then
    local held = redis.call('GET', lease)
    if string.sub(held, 1, #token) ~= token then
      if args[3] == '1' and #held == #token then redis.call('APPEND', lease, 'w') end
      return { string.sub(held, 1, #token), redis.call('PTTL', lease) }
    end
    redis.call('PEXPIRE', lease, args[2])
  end
  keep(entry, args[2])
  return head
end

-- KEYS entry, and the lease if it is a separate key; ARGV token, payload, TTL in ms (0: none), first bytes of the entry
-- to be replaced ('': a placeholder), channel. Returns 1 if it was stored.
function procedures.store(keys, args)
  local entry, lease, token, payload = keys[1], keys[2], args[1], args[2]
  local head = head_of(entry)
  local mine, awaited
  if args[4] == '' then
    mine = token_of(head) == token
    awaited = mine and is_awaited(head)
    if not mine then return 0 end
  else
    if lease then
      mine, awaited = is_held(lease, token)
      if not mine then return 0 end
      redis.call('DEL', lease)
    end
    mine = string.sub(head, 1, #args[4]) == args[4]
  end
  if mine then
    if args[3] == '0' then redis.call('SET', entry, payload) else redis.call('SET', entry, payload, 'PX', args[3]) end
  end
  if awaited then
    if mine and #payload <= PUBLISHED_BYTES then wake(args[5], token, 'v', payload) else wake(args[5], token, 's') end
  end
  return mine and 1 or 0
end

-- KEYS entry, and the lease if it is a separate key; ARGV token, lease in ms. Returns 1 while the caller holds the
-- lease.
function procedures.renew(keys, args)
  local entry, lease = keys[1], keys[2]
  if not lease then
    if token_of(head_of(entry)) ~= args[1] then return 0 end
    return redis.call('PEXPIRE', entry, args[2])
  end
  if not is_held(lease, args[1]) then return 0 end
  keep(entry, args[2])
  return redis.call('PEXPIRE', lease, args[2])
end

-- KEYS entry, and the lease if it is a separate key; ARGV token, outcome (f: the load failed, n: it found nothing, s:
-- read again), channel. Returns 1 if the caller held the lease.
function procedures.release(keys, args)
  local entry, lease = keys[1], keys[2]
  local mine, awaited
  if lease then
    mine, awaited = is_held(lease, args[1])
  else
    local head = head_of(entry)
    mine = token_of(head) == args[1]
    awaited = mine and is_awaited(head)
  end
  if not mine then return 0 end
  redis.call('DEL', lease or entry)
  if awaited then wake(args[3], args[1], args[2]) end
  return 1
end

-- KEYS entry; ARGV SHA-1 of the value that was read. Deletes the entry if it is unchanged. Returns 1 if the entry was
-- deleted.
function procedures.purge(keys, args)
  local value = redis.call('MGET', keys[1])[1]
  if not value or redis.sha1hex(value) ~= args[1] then return 0 end
  return redis.call('UNLINK', keys[1])
end

-- KEYS entry; ARGV SHA-1 of the value that was read, TTL in ms (0: none), payload ('': unchanged). Returns 1 if the
-- entry was unchanged.
function procedures.update(keys, args)
  local value = redis.call('MGET', keys[1])[1]
  if not value or redis.sha1hex(value) ~= args[1] then return 0 end
  if args[3] ~= '' and args[2] ~= '0' then redis.call('SET', keys[1], args[3], 'PX', args[2])
  elseif args[3] ~= '' then redis.call('SET', keys[1], args[3])
  elseif args[2] ~= '0' then redis.call('PEXPIRE', keys[1], args[2])
  else redis.call('PERSIST', keys[1]) end
  return 1
end

-- Registration. The script ends with a call instead. allow-oom: a full server still serves reads and can free memory.
-- Neither loops over tables nor the string library are available while a library is loaded.
local allow_oom = { 'allow-oom' }
redis.register_function { function_name = 'rck2_fetch', callback = procedures.fetch, flags = allow_oom }
redis.register_function { function_name = 'rck2_take', callback = procedures.take, flags = allow_oom }
redis.register_function { function_name = 'rck2_store', callback = procedures.store, flags = {} }
redis.register_function { function_name = 'rck2_renew', callback = procedures.renew, flags = allow_oom }
redis.register_function { function_name = 'rck2_release', callback = procedures.release, flags = allow_oom }
redis.register_function { function_name = 'rck2_purge', callback = procedures.purge, flags = allow_oom }
redis.register_function { function_name = 'rck2_update', callback = procedures.update, flags = {} }
`;

const REGISTRATION = '\n-- Registration.';

/** Source for EVAL: the same procedures; the last argument names the one to call. */
export const SCRIPT = `${LIBRARY.slice(LIBRARY.indexOf('\n') + 1, LIBRARY.indexOf(REGISTRATION))}
return procedures[ARGV[#ARGV]](KEYS, ARGV)
`;

/** Digest for EVALSHA. */
export const SCRIPT_SHA1: string = createHash('sha1').update(SCRIPT).digest('hex');
