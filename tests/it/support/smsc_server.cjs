// A message centre made of the npm package `smpp`: takes messages, gives receipts for them, and notes both on standard
// output, one JSON object a line. Arguments: port, and `hex` where answers shall carry hexadecimal ids and receipts
// decimal ones. Ends when its standard input closes.
const smpp = require(process.argv[4] || 'smpp');
let next = 6698;
const note = (what) => process.stdout.write(JSON.stringify(what) + '\n');
const server = smpp.createServer((session) => {
  session.on('error', () => {});
  session.on('bind_transceiver', (pdu) => {
    const known = pdu.system_id === 'dunwell' && pdu.password === 'secret';
    session.send(pdu.response({ command_status: known ? smpp.ESME_ROK : smpp.ESME_RINVPASWD }));
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
  session.on('query_sm', (pdu) => session.send(pdu.response({ message_id: pdu.message_id, message_state: 2 })));
  session.on('deliver_sm_resp', (pdu) => note({ answered: pdu.command_status }));
  session.on('submit_sm', (pdu) => {
    const id = ++next;
    const hex = process.argv[3] === 'hex';
    const text = pdu.short_message.message;
    note({
      to: pdu.destination_addr, from: pdu.source_addr, coding: pdu.data_coding, esm: pdu.esm_class,
      text: Buffer.isBuffer(text) ? text.toString('hex') : text, validity: pdu.validity_period,
      parts: pdu.short_message.udh ? pdu.short_message.udh.map((u) => u.toString('hex')) : [],
    });
    session.send(pdu.response({ message_id: hex ? id.toString(16).toUpperCase() : String(id) }));
    if (process.argv[3] === 'fast') return;
    session.deliver_sm({
      source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4,
      short_message: { message: `id:${String(id).padStart(10, '0')} sub:001 dlvrd:001 submit date:2604070930 done date:2604070931 stat:DELIVRD err:000 text:` },
    });
    if (String(text).includes("回复")) {
      session.deliver_sm({ source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, data_coding: 8, short_message: '退订' });
    }
  });
});
server.on('error', (e) => { note({ error: String(e) }); process.exit(1); });
server.listen(Number(process.argv[2]), '127.0.0.1', () => note({ listening: server.address().port }));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
