// One session of the stock npm client: reads [url, user, password, subject, schema, hostile…] as
// JSON from standard input, and prints what came of it as JSON.
const { SchemaRegistry } = require('@kafkajs/confluent-schema-registry')

async function refusal(action) {
  try {
    await action()
    return null
  } catch (error) {
    return { status: error.status, message: error.message }
  }
}

async function main(input) {
  const { url, user, password, subject, first, second, hostile } = JSON.parse(input)
  const writer = new SchemaRegistry({ host: url, auth: { username: user, password } })
  const reader = new SchemaRegistry({ host: url })
  const options = { subject, compatibility: 'FULL_TRANSITIVE' }
  const bytes = (value) => {
    const id = Buffer.from(value.envelope.event_id, 'hex')
    return { ...value, envelope: { ...value.envelope, event_id: id } }
  }
  const avro = (schema) => ({ type: 'AVRO', schema: JSON.stringify(schema) })

  const one = await writer.register(avro(first.schema), options)
  const old = await writer.encode(one.id, bytes(first.value))
  const two = await writer.register(avro(second.schema), options)
  const young = await writer.encode(two.id, bytes(second.value))
  const readAs = (buffer, schema) => reader.decode(buffer, { AVRO: { readerSchema: schema } })
  const api = reader.api.Subject
  const checks = {}
  const refusals = {}
  for (const [name, schema] of Object.entries(hostile)) {
    const body = { schema: JSON.stringify(schema) }
    const answer = await api.compatible({ subject, verbose: 'true', body })
    checks[name] = answer.data()
    refusals[name] = await refusal(() => writer.register(avro(schema), options))
  }
  console.log(JSON.stringify({
    ids: [one.id, two.id],
    again: (await writer.register(avro(second.schema), options)).id,
    latest: await reader.getLatestSchemaId(subject),
    byVersion: await reader.getRegistryId(subject, 1),
    bySchema: await reader.getRegistryIdBySchema(subject, avro(first.schema)),
    read: await reader.decode(old),
    oldAsNew: await readAs(old, second.schema),
    newAsOld: await readAs(young, first.schema),
    good: (await api.compatible({ subject, body: { schema: JSON.stringify(second.schema) } })).data(),
    otherLevel: await refusal(() => writer.register(avro(first.schema), { subject })),
    anonymous: await refusal(() => reader.register(avro(first.schema), options)),
    checks,
    refusals,
  }))
}

let input = ''
process.stdin.on('data', (chunk) => { input += chunk })
process.stdin.on('end', () => main(input).catch((error) => {
  console.error(error)
  process.exit(1)
}))
