/** Says `yes` where Terraform has the Docker provider's plugin in a local directory, else `no`. */
import { localPlugin } from '../infra/docker/terraform.ts';

process.stdout.write(localPlugin() === undefined ? 'no' : 'yes');
