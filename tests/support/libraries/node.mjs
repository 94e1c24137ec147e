// Client libraries as an application uses them: node libraries.mjs WHERE-THEY-ARE-INSTALLED NAME, as libraries.py.
import { createRequire } from 'module'
const require = createRequire(process.argv[2] + '/')
const url = process.env.REDIS_URL, prefix = process.env.REDIS_PREFIX

const jobs = {
  async 'node-redis'() {
    const { createClient } = require('redis')
    const client = createClient({ url }), subscriber = client.duplicate()
    await Promise.all([client.connect(), subscriber.connect()])
    const heard = new Promise(resolve => subscriber.pSubscribe(`${prefix}*`, resolve))
    await client.multi().set(`${prefix}half`, '21').xAdd(`${prefix}stream`, '*', { half: '21' }).exec()
    const answer = await client.eval("return 2 * redis.call('GET', KEYS[1])", { keys: [`${prefix}half`] })
    await new Promise(resolve => setTimeout(resolve, 100))
    await client.publish(`${prefix}answers`, String(answer))
    const said = await heard
    await Promise.all([client.close(), subscriber.close()])
    return said
  },
  async ioredis() {
    const Redis = require('ioredis')
    const client = new Redis(url, { keyPrefix: prefix }), subscriber = new Redis(url)
    await subscriber.psubscribe(`${prefix}*`)
    const heard = new Promise(resolve => subscriber.on('pmessage', (_, __, message) => resolve(message)))
    await client.multi().set('half', 21).xadd('stream', '*', 'half', 21).exec()
    const answer = await client.eval("return 2 * redis.call('GET', KEYS[1])", 1, 'half')
    await client.publish(`${prefix}answers`, answer)
    const said = await heard
    client.disconnect(); subscriber.disconnect()
    return said
  },
  async bullmq() {
    const { Queue, Worker, QueueEvents, FlowProducer } = require('bullmq')
    const { hostname, port, username, password } = new URL(url)
    const options = { connection: { host: hostname, port: Number(port), username, password }, prefix: `${prefix}bull` }
    const queue = new Queue('jobs', options), events = new QueueEvents('jobs', options)
    const worker = new Worker('jobs', async job => job.data[0] * job.data[1], options)
    await events.waitUntilReady()
    const job = await queue.add('multiply', [6, 7], { delay: 50 })
    const said = await job.waitUntilFinished(events, 10000)
    await queue.upsertJobScheduler('hourly', { every: 3600000 }, { name: 'multiply', data: [1, 1] })
    await queue.getJobCounts()
    await Promise.all([worker.close(), events.close()])
    await queue.close()
    return said
  },
}
const name = process.argv[3]
console.log(await jobs[name]())
process.exit(0)
