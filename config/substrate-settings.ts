/** Settings of an environment that only one substrate uses. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { means } from './meaning.ts';

const port = z.number().int().min(1).max(65_535);

/** A repository, with the registry if it is not the default one, and a tag, a digest or both. */
const IMAGE_REFERENCE =
  /^[a-z0-9]+(?:[._:/-]+[a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127}(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$/;

export const localSubstrateSettings = z
  .strictObject({
    server: z
      .string()
      .min(1)
      .transform((program) => (program.includes('/') ? resolve(program) : program))
      .describe('a path, or the name of a program in PATH')
      .optional()
      .meta(
        means(
          'Server program, absolute or relative to the working directory. If omitted, the program named by KIT_SERVER, or the first program in PATH that fits redis.server.',
        ),
      ),
  })
  .optional()
  .meta(means('Settings used only if the environment runs as local processes.'));

export const dockerSubstrateSettings = z
  .strictObject({
    image: z
      .string()
      .regex(IMAGE_REFERENCE)
      .describe('an image with a tag or a digest, such as redis:8.2.1-bookworm')
      .optional()
      .meta(
        means(
          'Image of the Redis nodes and sentinels; requires redis.server, which names the server in the image. If omitted, the image for redis.server, or the image built by the kit.',
        ),
      ),
    subnet: z
      .string()
      .regex(/^(\d{1,3}\.){3}0\/24$/, 'a /24 network such as 10.96.1.0/24')
      .optional()
      .meta(
        means(
          'Subnet of the internal data network. If omitted, a /24 of 10.96.0.0/11 is derived from the environment name.',
        ),
      ),
    ports: z
      .strictObject({
        redis: port.default(6379).meta(means('First published port of the Redis nodes.')),
        sentinel: port.default(26379).meta(means('First published sentinel port.')),
        exporter: port.default(9121).meta(means('Published port of the metrics exporter.')),
        commander: port.default(8081).meta(means('Published port of Redis Commander.')),
        // No defaults: the stored configuration of environments without Prometheus must not change.
        prometheus: port.optional().meta(means('Published port of Prometheus. If omitted, 9090.')),
        alertmanager: port.optional().meta(means('Published port of Alertmanager. If omitted, 9093.')),
      })
      .prefault({})
      .meta(
        means(
          'Ports published on 127.0.0.1, or with `hosts` on the address of the host; the nodes of a role use consecutive ports.',
        ),
      ),
    protected: z
      .boolean()
      .default(false)
      .meta(means('Whether destroy is rejected unless KIT_ALLOW_DESTROY names the environment.')),
    backend: z
      .strictObject({
        type: z.string().meta(means('Type of the backend, such as s3 or pg.')),
        settings: z.record(z.string(), z.string()).meta(means('Settings of the backend.')),
      })
      .optional()
      .meta(means('Remote Terraform backend. If omitted, the state is a local file.')),
  })
  .prefault({})
  .meta(means('Docker settings, used only if the environment runs on Docker.'));
