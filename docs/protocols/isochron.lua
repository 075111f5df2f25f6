-- The messages of `isochron.messages` for Wireshark and tshark.
--
-- @generated from market-data.xml by isochron-codegen; not to be edited.

local protocol = Proto("isochron", "Isochron (SBE schema 2)")
local SCHEMA_ID, SCHEMA_VERSION = 2, 0

local header = {
  block_length = ProtoField.uint16("isochron.header.block_length", "Block length"),
  template_id = ProtoField.uint16("isochron.header.template_id", "Template"),
  schema_id = ProtoField.uint16("isochron.header.schema_id", "Schema"),
  version = ProtoField.uint16("isochron.header.version", "Version"),
  message = ProtoField.string("isochron.header.message", "Message"),
}

local names = {}
names.boolean_flag = { [0] = "no", [1] = "yes" }
names.side = { [1] = "buy", [2] = "sell" }
names.phase = { [1] = "preOpen", [2] = "open", [3] = "halted", [4] = "closed" }
names.instrument_type = { [1] = "commonShare", [2] = "preferredShare", [3] = "exchangeTradedFund", [4] = "depositaryReceipt" }
names.system_event_code = { [1] = "startOfMessages", [2] = "startOfDay", [3] = "endOfDay", [4] = "endOfMessages" }

local fields = {}
fields["instrument"] = ProtoField.uint32("isochron.instrument", "Instrument", base.DEC, nil, nil, "A tradable instrument, from 1; 0 names none, or all.")
fields["instrument_sequence"] = ProtoField.uint32("isochron.instrument_sequence", "Instrument sequence", base.DEC, nil, nil, "The number of a message within its instrument and session, from 1; 0 where it has none. In a snapshot, the last one included.")
fields["event_id"] = ProtoField.uint64("isochron.event_id", "Event id", base.DEC, nil, nil, "The sequence of the command that caused it: the same on L1, L2 and L3.")
fields["transaction_time"] = ProtoField.uint64("isochron.transaction_time", "Transaction time", base.DEC, nil, nil, "Nanoseconds since 1970-01-01 00:00 UTC.")
fields["flags"] = ProtoField.uint8("isochron.flags", "Flags", base.HEX, nil, nil)
fields["flags.start_of_event"] = ProtoField.bool("isochron.flags.start_of_event", "Start of event", 8, nil, 0x1, "The first message of the event on this channel.")
fields["flags.end_of_event"] = ProtoField.bool("isochron.flags.end_of_event", "End of event", 8, nil, 0x2, "The last message of the event on this channel: the books are consistent.")
fields["flags.recovery"] = ProtoField.bool("isochron.flags.recovery", "Recovery", 8, nil, 0x4, "Part of a snapshot.")
fields["flags.clear_book"] = ProtoField.bool("isochron.flags.clear_book", "Clear book", 8, nil, 0x8, "Forget the instrument's book first.")
fields["symbol"] = ProtoField.string("isochron.symbol", "Symbol", base.NONE, "Padded with zero bytes.")
fields["display_symbol"] = ProtoField.string("isochron.display_symbol", "Display symbol", base.NONE, "Padded with zero bytes.")
fields["instrument_type"] = ProtoField.uint8("isochron.instrument_type", "Instrument type", base.DEC, names.instrument_type, nil)
fields["settlement_currency"] = ProtoField.string("isochron.settlement_currency", "Settlement currency", base.NONE, "ISO 4217.")
fields["quote_currency"] = ProtoField.string("isochron.quote_currency", "Quote currency", base.NONE, "ISO 4217.")
fields["tick"] = ProtoField.int64("isochron.tick", "Tick", base.DEC, nil, nil, "1/10,000 of the currency unit.")
fields["lot"] = ProtoField.uint64("isochron.lot", "Lot", base.DEC, nil, nil, "Shares.")
fields["price_minimum"] = ProtoField.int64("isochron.price_minimum", "Price minimum", base.DEC, nil, nil, "1/10,000 of the currency unit.")
fields["price_maximum"] = ProtoField.int64("isochron.price_maximum", "Price maximum", base.DEC, nil, nil, "1/10,000 of the currency unit.")
fields["quantity_minimum"] = ProtoField.uint64("isochron.quantity_minimum", "Quantity minimum", base.DEC, nil, nil, "Shares.")
fields["quantity_maximum"] = ProtoField.uint64("isochron.quantity_maximum", "Quantity maximum", base.DEC, nil, nil, "Shares.")
fields["notional_maximum"] = ProtoField.int64("isochron.notional_maximum", "Notional maximum", base.DEC, nil, nil, "1/10,000 of the currency unit.")
fields["reference_price"] = ProtoField.int64("isochron.reference_price", "Reference price", base.DEC, nil, nil, "1/10,000 of the currency unit, or none.")
fields["band"] = ProtoField.uint32("isochron.band", "Band", base.DEC, nil, nil, "0 is off. 1/10,000.")
fields["partition"] = ProtoField.uint16("isochron.partition", "Partition", base.DEC, nil, nil, "The channel that an instrument belongs to.")
fields["description"] = ProtoField.string("isochron.description", "Description", base.NONE, "Padded with zero bytes.")
fields["phase"] = ProtoField.uint8("isochron.phase", "Phase", base.DEC, names.phase, nil)
fields["trading_date"] = ProtoField.uint32("isochron.trading_date", "Trading date", base.DEC, nil, nil, "yyyymmdd.")
fields["code"] = ProtoField.uint8("isochron.code", "Code", base.DEC, names.system_event_code, nil)
fields["order_id"] = ProtoField.uint64("isochron.order_id", "Order id", base.DEC, nil, nil, "An order, from 1, never reused.")
fields["price"] = ProtoField.int64("isochron.price", "Price", base.DEC, nil, nil, "1/10,000 of the currency unit.")
fields["quantity"] = ProtoField.uint64("isochron.quantity", "Quantity", base.DEC, nil, nil, "Shares.")
fields["side"] = ProtoField.uint8("isochron.side", "Side", base.DEC, names.side, nil)
fields["match_id"] = ProtoField.uint64("isochron.match_id", "Match id", base.DEC, nil, nil, "One trade, from 1.")
fields["executed_quantity"] = ProtoField.uint64("isochron.executed_quantity", "Executed quantity", base.DEC, nil, nil, "Shares.")
fields["remaining_quantity"] = ProtoField.uint64("isochron.remaining_quantity", "Remaining quantity", base.DEC, nil, nil, "Shares.")
fields["canceled_quantity"] = ProtoField.uint64("isochron.canceled_quantity", "Canceled quantity", base.DEC, nil, nil, "Shares.")
fields["priority_lost"] = ProtoField.uint8("isochron.priority_lost", "Priority lost", base.DEC, names.boolean_flag, nil, "Yes: it is now last in its price level.")
fields["aggressor_side"] = ProtoField.uint8("isochron.aggressor_side", "Aggressor side", base.DEC, names.side, nil)
fields["order_count"] = ProtoField.uint32("isochron.order_count", "Order count", base.DEC, nil, nil, "A number of things.")
fields["bid_price"] = ProtoField.int64("isochron.bid_price", "Bid price", base.DEC, nil, nil, "1/10,000 of the currency unit, or none.")
fields["bid_quantity"] = ProtoField.uint64("isochron.bid_quantity", "Bid quantity", base.DEC, nil, nil, "Shares.")
fields["ask_price"] = ProtoField.int64("isochron.ask_price", "Ask price", base.DEC, nil, nil, "1/10,000 of the currency unit, or none.")
fields["ask_quantity"] = ProtoField.uint64("isochron.ask_quantity", "Ask quantity", base.DEC, nil, nil, "Shares.")
fields["bid_order_count"] = ProtoField.uint32("isochron.bid_order_count", "Bid order count", base.DEC, nil, nil, "A number of things.")
fields["ask_order_count"] = ProtoField.uint32("isochron.ask_order_count", "Ask order count", base.DEC, nil, nil, "A number of things.")
fields["open_price"] = ProtoField.int64("isochron.open_price", "Open price", base.DEC, nil, nil, "1/10,000 of the currency unit, or none.")
fields["high_price"] = ProtoField.int64("isochron.high_price", "High price", base.DEC, nil, nil, "1/10,000 of the currency unit, or none.")
fields["low_price"] = ProtoField.int64("isochron.low_price", "Low price", base.DEC, nil, nil, "1/10,000 of the currency unit, or none.")
fields["last_price"] = ProtoField.int64("isochron.last_price", "Last price", base.DEC, nil, nil, "1/10,000 of the currency unit, or none.")
fields["volume"] = ProtoField.uint64("isochron.volume", "Volume", base.DEC, nil, nil, "Shares.")
fields["notional"] = ProtoField.int64("isochron.notional", "Notional", base.DEC, nil, nil, "1/10,000 of the currency unit.")
fields["trades"] = ProtoField.uint64("isochron.trades", "Trades", base.DEC, nil, nil, "A number of things.")
fields["last_included_sequence"] = ProtoField.uint64("isochron.last_included_sequence", "Last included sequence", base.DEC, nil, nil, "The number of a message within its session, from 1.")
fields["next_sequence"] = ProtoField.uint64("isochron.next_sequence", "Next sequence", base.DEC, nil, nil, "The number of a message within its session, from 1.")
fields["instruments"] = ProtoField.uint32("isochron.instruments", "Instruments", base.DEC, nil, nil, "A number of things.")
fields["orders"] = ProtoField.uint32("isochron.orders", "Orders", base.DEC, nil, nil, "Orders on L3, price levels on L2, 0 on L1. A number of things.")
fields["checksum"] = ProtoField.uint32("isochron.checksum", "Checksum", base.DEC, nil, nil, "CRC-32 over the books' checksums, 4 bytes each, by instrument; on L1, of one level a side. CRC-32 over a book.")
fields["levels"] = ProtoField.uint32("isochron.levels", "Levels", base.DEC, nil, nil, "A number of things.")
fields["seed_hash"] = ProtoField.string("isochron.seed_hash", "Seed hash", base.NONE, "SHA-256.")
fields["node"] = ProtoField.uint32("isochron.node", "Node", base.DEC, nil, nil, "One machine of the exchange.")
fields["seed"] = ProtoField.string("isochron.seed", "Seed", base.NONE, "SHA-256.")
fields["window_start"] = ProtoField.uint64("isochron.window_start", "Window start", base.DEC, nil, nil, "Nanoseconds since 1970-01-01 00:00 UTC.")
fields["window_end"] = ProtoField.uint64("isochron.window_end", "Window end", base.DEC, nil, nil, "Nanoseconds since 1970-01-01 00:00 UTC.")
fields["updates"] = ProtoField.uint64("isochron.updates", "Updates", base.DEC, nil, nil, "A number of things.")
fields["spread_p50"] = ProtoField.uint64("isochron.spread_p50", "Spread p50", base.DEC, nil, nil, "Nanoseconds. A number of things.")
fields["spread_p99"] = ProtoField.uint64("isochron.spread_p99", "Spread p99", base.DEC, nil, nil, "Nanoseconds. A number of things.")
fields["spread_maximum"] = ProtoField.uint64("isochron.spread_maximum", "Spread maximum", base.DEC, nil, nil, "Nanoseconds. A number of things.")
fields["subscribers"] = ProtoField.uint32("isochron.subscribers", "Subscribers", base.DEC, nil, nil, "A number of things.")

-- A field: its place in the block, its bytes, what shows it, the bytes that mean none (in
-- hexadecimal), the version that brought it.
local messages = {
  [1] = { name = "InstrumentDefinition", lengths = { 200 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 8, fields["symbol"], text = true, name = "Symbol" },
      { 40, 16, fields["display_symbol"], text = true, name = "Display symbol" },
      { 56, 1, fields["instrument_type"], name = "Instrument type" },
      { 57, 3, fields["settlement_currency"], text = true, name = "Settlement currency" },
      { 60, 3, fields["quote_currency"], text = true, name = "Quote currency" },
      { 64, 8, fields["tick"], name = "Tick" },
      { 72, 8, fields["lot"], name = "Lot" },
      { 80, 8, fields["price_minimum"], name = "Price minimum" },
      { 88, 8, fields["price_maximum"], name = "Price maximum" },
      { 96, 8, fields["quantity_minimum"], name = "Quantity minimum" },
      { 104, 8, fields["quantity_maximum"], name = "Quantity maximum" },
      { 112, 8, fields["notional_maximum"], name = "Notional maximum" },
      { 120, 8, fields["reference_price"], null = "0000000000000080", name = "Reference price" },
      { 128, 4, fields["band"], name = "Band" },
      { 132, 2, fields["partition"], name = "Partition" },
      { 136, 64, fields["description"], text = true, name = "Description" },
    },
    groups = {}, data = {} },
  [2] = { name = "TradingStatus", lengths = { 48 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 8, fields["reference_price"], null = "0000000000000080", name = "Reference price" },
      { 40, 1, fields["phase"], name = "Phase" },
    },
    groups = {}, data = {} },
  [3] = { name = "SystemEvent", lengths = { 40 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 4, fields["trading_date"], name = "Trading date" },
      { 36, 1, fields["code"], name = "Code" },
    },
    groups = {}, data = {} },
  [10] = { name = "OrderAdded", lengths = { 64 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 8, fields["order_id"], name = "Order id" },
      { 40, 8, fields["price"], name = "Price" },
      { 48, 8, fields["quantity"], name = "Quantity" },
      { 56, 1, fields["side"], name = "Side" },
    },
    groups = {}, data = {} },
  [11] = { name = "OrderExecuted", lengths = { 72 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 8, fields["order_id"], name = "Order id" },
      { 40, 8, fields["match_id"], name = "Match id" },
      { 48, 8, fields["price"], name = "Price" },
      { 56, 8, fields["executed_quantity"], name = "Executed quantity" },
      { 64, 8, fields["remaining_quantity"], name = "Remaining quantity" },
    },
    groups = {}, data = {} },
  [12] = { name = "OrderReduced", lengths = { 56 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 8, fields["order_id"], name = "Order id" },
      { 40, 8, fields["canceled_quantity"], name = "Canceled quantity" },
      { 48, 8, fields["remaining_quantity"], name = "Remaining quantity" },
    },
    groups = {}, data = {} },
  [13] = { name = "OrderDeleted", lengths = { 56 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 8, fields["order_id"], name = "Order id" },
      { 40, 8, fields["canceled_quantity"], name = "Canceled quantity" },
      { 48, 8, fields["remaining_quantity"], name = "Remaining quantity" },
    },
    groups = {}, data = {} },
  [14] = { name = "OrderModified", lengths = { 64 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 8, fields["order_id"], name = "Order id" },
      { 40, 8, fields["price"], name = "Price" },
      { 48, 8, fields["quantity"], name = "Quantity" },
      { 56, 1, fields["priority_lost"], name = "Priority lost" },
    },
    groups = {}, data = {} },
  [15] = { name = "Trade", lengths = { 64 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 8, fields["match_id"], name = "Match id" },
      { 40, 8, fields["price"], name = "Price" },
      { 48, 8, fields["quantity"], name = "Quantity" },
      { 56, 1, fields["aggressor_side"], name = "Aggressor side" },
    },
    groups = {}, data = {} },
  [20] = { name = "LevelChanged", lengths = { 56 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 8, fields["price"], name = "Price" },
      { 40, 8, fields["quantity"], name = "Quantity" },
      { 48, 4, fields["order_count"], name = "Order count" },
      { 52, 1, fields["side"], name = "Side" },
    },
    groups = {}, data = {} },
  [30] = { name = "BestBidOffer", lengths = { 72 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 8, fields["bid_price"], null = "0000000000000080", name = "Bid price" },
      { 40, 8, fields["bid_quantity"], name = "Bid quantity" },
      { 48, 8, fields["ask_price"], null = "0000000000000080", name = "Ask price" },
      { 56, 8, fields["ask_quantity"], name = "Ask quantity" },
      { 64, 4, fields["bid_order_count"], name = "Bid order count" },
      { 68, 4, fields["ask_order_count"], name = "Ask order count" },
    },
    groups = {}, data = {} },
  [31] = { name = "Statistics", lengths = { 88 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 8, fields["open_price"], null = "0000000000000080", name = "Open price" },
      { 40, 8, fields["high_price"], null = "0000000000000080", name = "High price" },
      { 48, 8, fields["low_price"], null = "0000000000000080", name = "Low price" },
      { 56, 8, fields["last_price"], null = "0000000000000080", name = "Last price" },
      { 64, 8, fields["volume"], name = "Volume" },
      { 72, 8, fields["notional"], name = "Notional" },
      { 80, 8, fields["trades"], name = "Trades" },
    },
    groups = {}, data = {} },
  [40] = { name = "SnapshotStart", lengths = { 56 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 8, fields["last_included_sequence"], name = "Last included sequence" },
      { 40, 8, fields["next_sequence"], name = "Next sequence" },
      { 48, 4, fields["instruments"], name = "Instruments" },
      { 52, 4, fields["orders"], name = "Orders" },
    },
    groups = {}, data = {} },
  [41] = { name = "SnapshotComplete", lengths = { 64 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 8, fields["last_included_sequence"], name = "Last included sequence" },
      { 40, 8, fields["next_sequence"], name = "Next sequence" },
      { 48, 4, fields["instruments"], name = "Instruments" },
      { 52, 4, fields["orders"], name = "Orders" },
      { 56, 4, fields["checksum"], name = "Checksum" },
    },
    groups = {}, data = {} },
  [42] = { name = "BookChecksum", lengths = { 48 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 4, fields["checksum"], name = "Checksum" },
      { 36, 4, fields["orders"], name = "Orders" },
      { 40, 4, fields["levels"], name = "Levels" },
    },
    groups = {}, data = {} },
  [50] = { name = "FairnessCommit", lengths = { 72 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 32, fields["seed_hash"], text = true, name = "Seed hash" },
      { 64, 4, fields["node"], name = "Node" },
    },
    groups = {}, data = {} },
  [51] = { name = "FairnessReveal", lengths = { 72 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 32, fields["seed"], text = true, name = "Seed" },
      { 64, 4, fields["node"], name = "Node" },
    },
    groups = {}, data = {} },
  [52] = { name = "FairnessReport", lengths = { 88 },
    block = {
      { 0, 4, fields["instrument"], name = "Instrument" },
      { 4, 4, fields["instrument_sequence"], name = "Instrument sequence" },
      { 8, 8, fields["event_id"], name = "Event id" },
      { 16, 8, fields["transaction_time"], name = "Transaction time" },
      { 24, 1, fields["flags"], bits = { { fields["flags.start_of_event"], 0 }, { fields["flags.end_of_event"], 0 }, { fields["flags.recovery"], 0 }, { fields["flags.clear_book"], 0 } }, name = "Flags" },
      { 32, 8, fields["window_start"], name = "Window start" },
      { 40, 8, fields["window_end"], name = "Window end" },
      { 48, 8, fields["updates"], name = "Updates" },
      { 56, 8, fields["spread_p50"], name = "Spread p50" },
      { 64, 8, fields["spread_p99"], name = "Spread p99" },
      { 72, 8, fields["spread_maximum"], name = "Spread maximum" },
      { 80, 4, fields["subscribers"], name = "Subscribers" },
      { 84, 4, fields["node"], name = "Node" },
    },
    groups = {}, data = {} },
}

local all = {}
for _, field in pairs(header) do all[#all + 1] = field end
for _, field in pairs(fields) do all[#all + 1] = field end
protocol.fields = all

local notices = {
  short = ProtoExpert.new(protocol.name:lower() .. ".short", "The message ends before its fields do",
                          expert.group.MALFORMED, expert.severity.ERROR),
  block = ProtoExpert.new(protocol.name:lower() .. ".block_too_short",
                          "The block is shorter than its version's fields",
                          expert.group.MALFORMED, expert.severity.ERROR),
  template = ProtoExpert.new(protocol.name:lower() .. ".template_unknown", "Unknown template",
                             expert.group.UNDECODED, expert.severity.WARN),
}
protocol.experts = { notices.short, notices.block, notices.template }

-- Whether the bytes say that there is no value.
local function is_null(range, null)
  if null == "nan" then
    local value = range:le_float()
    return value ~= value
  end
  return range:bytes():tohex() == null
end

-- Characters without the zero bytes that pad them; hexadecimal where they are no text.
local function text(range)
  local characters = range:raw():match("^[^\0]*")
  return characters:find("[^\32-\126]") and range:bytes():tohex() or characters
end

local function add_field(tree, row, range)
  local field = row[3]
  if row.null and is_null(range, row.null) then
    tree:add(range, row.name .. ": none")
  elseif row.text then
    tree:add(field, range, text(range))
  else
    local item = tree:add_le(field, range)
    for _, bit in ipairs(row.bits or {}) do item:add(bit[1], range(bit[2], 1)) end
  end
end

-- A walk stops, with what it found, where the bytes end.
local function ends(state, tree)
  if not state.stopped then
    state.stopped = true
    tree:add_proto_expert_info(notices.short)
  end
  return nil
end

-- The next `length` bytes.
local function take(state, tree, length)
  if state.at + length > state.buffer:len() then return ends(state, tree) end
  local range = state.buffer(state.at, length)
  state.at = state.at + length
  return range
end

-- The fields of a block. A longer one is a newer version's: its end is passed over.
local function add_block(state, tree, shape, length)
  local block = length == 0 and true or take(state, tree, length)
  if not block then return false end
  if length < shape.lengths[state.version + 1] then
    tree:add_proto_expert_info(notices.block)
  end
  for _, row in ipairs(shape.block) do
    local offset, size = row[1], row[2]
    if (row.since or 0) <= state.version and offset + size <= length then
      add_field(tree, row, block(offset, size))
    end
  end
  return true
end

local function number(range, place)
  return range(place[1], place[2]):le_uint()
end

local add_parts

-- A group: as many entries as it says, and no more than there are bytes.
local function add_group(state, tree, group)
  local start = state.at
  local head = take(state, tree, group.length)
  if not head then return end
  local length, count = number(head, group.block_length), number(head, group.count)
  local branch = tree:add(protocol, head, string.format("%s: %d", group.name, count))
  branch:add(group.field, head(group.count[1], group.count[2]), count)
  for index = 1, count do
    if state.stopped then return end
    local first = state.at
    local entry = branch:add(protocol, state.buffer(first, 0), string.format("[%d]", index))
    if not add_block(state, entry, group, length) then return end
    add_parts(state, entry, group)
    entry:set_len(state.at - first)
  end
  branch:set_len(state.at - start)
end

add_parts = function(state, tree, shape)
  for _, group in ipairs(shape.groups) do
    if state.stopped then return end
    if group.since <= state.version then add_group(state, tree, group) end
  end
  for _, data in ipairs(shape.data) do
    if state.stopped then return end
    if data.since <= state.version then
      local head = take(state, tree, data.length[2])
      local range = head and take(state, tree, head:le_uint())
      if range then tree:add(data.field, range) end
    end
  end
end

function protocol.dissector(buffer, pinfo, tree)
  if buffer:len() < 8 or buffer(4, 2):le_uint() ~= SCHEMA_ID then return 0 end
  local length, template = buffer(0, 2):le_uint(), buffer(2, 2):le_uint()
  local version = buffer(6, 2):le_uint()
  local shape = messages[template]
  local name = shape and shape.name or string.format("template %d", template)
  local branch = tree:add(protocol, buffer(), string.format("%s, %s", protocol.description, name))
  branch:add_le(header.block_length, buffer(0, 2))
  branch:add_le(header.template_id, buffer(2, 2)):append_text(" (" .. name .. ")")
  branch:add_le(header.schema_id, buffer(4, 2))
  branch:add_le(header.version, buffer(6, 2))
  branch:add(header.message, buffer(2, 2), name):set_generated()
  pinfo.cols.info:append(" " .. name)
  if not shape then
    branch:add_proto_expert_info(notices.template)
    return buffer:len()
  end
  -- A newer writer's message begins as ours does.
  local state = { buffer = buffer, at = 8, version = math.min(version, SCHEMA_VERSION) }
  if add_block(state, branch, shape, length) then add_parts(state, branch, shape) end
  return buffer:len()
end

-- MoldUDP64: by `-d moldudp64.payload,NAME`, or "Decode As" in the window.
DissectorTable.get("moldudp64.payload"):add_for_decode_as(protocol)

-- SoupBinTCP: a payload of this schema is known by its header.
protocol:register_heuristic("soupbintcp", function(buffer, pinfo, tree)
  if buffer:len() < 8 or buffer(4, 2):le_uint() ~= SCHEMA_ID then return false end
  protocol.dissector(buffer, pinfo, tree)
  return true
end)
