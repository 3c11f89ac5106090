/** Sources of findings that several rules name: files of the Redis source code, and documents. */

export const CONFIG_C = 'src/config.c';
export const SENTINEL_C = 'src/sentinel.c';
export const ACL_DOCS = 'Redis documentation, ACL';
export const REDIS_CONF = 'redis.conf of Redis 7.0';
