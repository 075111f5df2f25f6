//! Days and their sessions, and what an instrument is: what every product says alike.

use isochron_events as events;
use isochron_feeds::book::Book;
use isochron_feeds::channel::{PARTITIONS_MAX, Product};
use isochron_messages as messages;
use isochron_messages::{InstrumentDefinition, Statistics, SystemEventCode};

use super::instrument::{Changes, Instrument, View};
use super::show::{Facts, flush};
use super::{Feed, Output, slot};
use crate::limits::INSTRUMENT_ID_MAX;

impl Feed {
    pub(super) fn define(
        &mut self,
        definition: InstrumentDefinition,
        sink: &mut impl FnMut(Output<'_>),
    ) {
        let id = definition.instrument;
        if id == 0 || id > INSTRUMENT_ID_MAX {
            self.anomalies += 1;
            return;
        }
        let index = id as usize;
        if self.instruments.len() <= index {
            self.instruments.resize_with(index + 1, || None);
        }
        let reference_price = definition.reference_price;
        if let Some(known) = &mut self.instruments[index] {
            (known.definition, known.reference_price) = (definition, reference_price);
            self.push(id, &definition, |_| true, sink);
            return;
        }
        let partition = partition(&definition);
        self.instruments[index] = Some(Box::new(Instrument {
            definition,
            partition,
            phase: self.general_phase,
            reference_price,
            book: Book::new(),
            day: Statistics::default(),
            touched_by: 0,
            changes: Changes::default(),
            views: self.plan.products().iter().copied().map(View::new).collect(),
        }));
        let is_closed = self.streams(partition).iter().any(|stream| stream.session.is_none());
        let opens = is_closed && self.trading_date != 0;
        if opens {
            self.open(partition, sink);
        }
        self.push(id, &definition, |_| true, sink);
        self.push_status(id, sink);
        if opens && self.day_runs {
            self.push_system(partition, (SystemEventCode::START_OF_DAY, self.trading_date), sink);
        }
    }

    pub(super) fn on_phase(
        &mut self,
        changed: &events::PhaseChanged,
        sink: &mut impl FnMut(Output<'_>),
    ) {
        let phase = messages::Phase(changed.phase.0);
        let all = changed.instrument == 0;
        if all {
            self.general_phase = phase;
        } else if self.book(changed.instrument).is_none() {
            self.anomalies += 1;
        }
        let one = changed.instrument..changed.instrument.saturating_add(1);
        for id in if all { self.ids() } else { one } {
            if let Some(instrument) = slot(&mut self.instruments, id) {
                instrument.phase = phase;
                if changed.reference_price != 0 {
                    instrument.reference_price = Some(changed.reference_price);
                }
            }
            self.push_status(id, sink);
        }
    }

    fn push_status(&mut self, id: u32, sink: &mut impl FnMut(Output<'_>)) {
        let Some(instrument) = slot(&mut self.instruments, id) else { return };
        let status = status(instrument);
        self.push(id, &status, |_| true, sink);
    }

    fn push_system(
        &mut self,
        partition: u16,
        (code, trading_date): (SystemEventCode, u32),
        sink: &mut impl FnMut(Output<'_>),
    ) {
        if !self.active.contains(&partition) {
            self.active.push(partition);
        }
        let moment = self.moment;
        for stream in self.streams(partition) {
            stream.push_system(moment, code, trading_date, sink);
        }
    }

    /// The partition's sessions begin.
    fn open(&mut self, partition: u16, sink: &mut impl FnMut(Output<'_>)) {
        let trading_date = self.trading_date;
        for stream in self.streams(partition) {
            stream.begin(trading_date, sink);
        }
        self.push_system(partition, (SystemEventCode::START_OF_MESSAGES, trading_date), sink);
    }

    /// A trading day begins: the sessions before it end, and the new ones say all that is known.
    pub(super) fn start_day(&mut self, trading_date: u32, sink: &mut impl FnMut(Output<'_>)) {
        let partitions = 0..u16::try_from(self.partitions.len()).unwrap_or(PARTITIONS_MAX);
        for partition in partitions.clone() {
            self.end_sessions(partition, sink);
        }
        (self.trading_date, self.day_runs) = (trading_date, true);
        self.touched.clear();
        for id in self.ids() {
            let Some(instrument) = slot(&mut self.instruments, id) else { continue };
            instrument.partition = partition(&instrument.definition);
            (instrument.day, instrument.touched_by) = (Statistics::default(), 0);
            instrument.changes.clear();
            for (view, product) in instrument.views.iter_mut().zip(self.plan.products()) {
                *view = View::new(*product);
            }
            let partition = instrument.partition;
            if self.streams(partition).iter().any(|stream| stream.session.is_none()) {
                self.open(partition, sink);
            }
        }
        for id in self.ids() {
            self.repeat(id, sink);
        }
        for index in 0..self.active.len() {
            self.push_system(
                self.active[index],
                (SystemEventCode::START_OF_DAY, trading_date),
                sink,
            );
        }
    }

    /// All that is known of an instrument, on each of its channels.
    fn repeat(&mut self, id: u32, sink: &mut impl FnMut(Output<'_>)) {
        self.touch(id);
        let moment = self.moment;
        let Some((instrument, streams)) = self.parts(id) else { return };
        let status = status(instrument);
        let Instrument { definition, book, day, changes, views, .. } = instrument;
        let facts = Facts { id, book, day, changes: changes.levels(), moment };
        for (stream, view) in streams.iter_mut().zip(views) {
            stream.push_first(moment, (id, &mut view.count), definition, sink);
            stream.push(moment, (id, &mut view.count), &status, sink);
            facts.repeat(stream, view, sink);
        }
    }

    /// A trading day has ended: the last states, the day's statistics, and the word itself.
    pub(super) fn end_day(&mut self, trading_date: u32, sink: &mut impl FnMut(Output<'_>)) {
        self.day_runs = false;
        let moment = self.moment;
        let instruments = &mut self.instruments;
        for stream in self.partitions.iter_mut().flatten().flatten() {
            flush(stream, instruments, self.plan.products(), moment, sink);
        }
        for id in self.ids() {
            let Some((instrument, streams)) = self.parts(id) else { continue };
            let Instrument { book, day, changes, views, .. } = instrument;
            let facts = Facts { id, book, day, changes: changes.levels(), moment };
            for (stream, view) in streams.iter_mut().zip(views) {
                if matches!(stream.channel.product, Product::L1 | Product::L1Conflated) {
                    facts.push_statistics(stream, view, sink);
                }
            }
        }
        for partition in 0..u16::try_from(self.partitions.len()).unwrap_or(PARTITIONS_MAX) {
            if self.partitions[usize::from(partition)].is_some() {
                self.push_system(partition, (SystemEventCode::END_OF_DAY, trading_date), sink);
            }
        }
    }

    /// The partition's sessions say their last.
    fn end_sessions(&mut self, partition: u16, sink: &mut impl FnMut(Output<'_>)) {
        let (moment, trading_date) = (self.moment, self.trading_date);
        let Some(streams) = &mut self.partitions[usize::from(partition)] else { return };
        for stream in streams {
            flush(stream, &mut self.instruments, self.plan.products(), moment, sink);
            let code = SystemEventCode::END_OF_MESSAGES;
            stream.push_system(moment, code, trading_date, sink);
            stream.end_event(sink);
            stream.session = None;
        }
    }

    /// The event is over in a partition. What made a conflated channel speak at once takes along
    /// what changed before.
    pub(super) fn end_brackets(&mut self, partition: u16, sink: &mut impl FnMut(Output<'_>)) {
        let moment = self.moment;
        let Some(streams) = &mut self.partitions[usize::from(partition)] else { return };
        for stream in streams {
            if stream.is_open() {
                flush(stream, &mut self.instruments, self.plan.products(), moment, sink);
                stream.end_event(sink);
            }
        }
    }

    /// Logged time has come to the end of an interval: the conflated channels show what is.
    pub(super) fn pass_boundary(&mut self, time: u64, sink: &mut impl FnMut(Output<'_>)) {
        let interval = self.plan.conflation_ns();
        self.boundary = (time / interval + 1).saturating_mul(interval);
        let instruments = &mut self.instruments;
        for stream in self.partitions.iter_mut().flatten().flatten() {
            let moment = stream.changed_at;
            flush(stream, instruments, self.plan.products(), moment, sink);
            stream.end_event(sink);
        }
    }
}

fn status(instrument: &Instrument) -> messages::TradingStatus {
    messages::TradingStatus {
        reference_price: instrument.reference_price,
        phase: instrument.phase,
        ..Default::default()
    }
}

/// A session's name has two digits for it.
pub(super) fn partition(definition: &InstrumentDefinition) -> u16 {
    definition.partition % PARTITIONS_MAX
}

/// What the public may know of an instrument; 0 is no reference price.
pub(super) fn definition(define: &events::DefineInstrument) -> InstrumentDefinition {
    InstrumentDefinition {
        instrument: define.instrument,
        symbol: define.symbol,
        display_symbol: define.display_symbol,
        instrument_type: messages::InstrumentType(define.instrument_type.0),
        settlement_currency: define.settlement_currency,
        quote_currency: define.quote_currency,
        tick: define.tick,
        lot: define.lot,
        price_minimum: define.price_minimum,
        price_maximum: define.price_maximum,
        quantity_minimum: define.quantity_minimum,
        quantity_maximum: define.quantity_maximum,
        notional_maximum: define.notional_maximum,
        reference_price: Some(define.reference_price).filter(|price| *price != 0),
        band: define.band,
        partition: define.partition,
        description: define.description,
        ..Default::default()
    }
}
