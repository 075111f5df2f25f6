//! The car of SBE's examples.

use super::{bytes, several};
use crate::car::{
    BooleanType, Booster, BoosterType, CarFuelFigures, CarPerformanceFigures,
    CarPerformanceFiguresAcceleration, CarReader, DecodeError, Engine, Model, OptionalExtras,
};
use crate::random::Random;
use crate::{car, sbe_gen_car as theirs};

/// A car that owns its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Car {
    /// The fields; its parts are empty.
    pub block: car::Car<'static>,
    /// Speed, miles per gallon, description.
    pub fuel_figures: Vec<(u16, f32, Vec<u8>)>,
    /// Octane rating; speeds and seconds.
    pub performance_figures: Vec<(u8, Vec<CarPerformanceFiguresAcceleration>)>,
    /// Manufacturer, model, activation code.
    pub data: [Vec<u8>; 3],
}

/// A number that every float holds.
fn ratio(random: &mut Random) -> f32 {
    f32::from(random.value::<i16>()) / 8.0
}

impl Car {
    /// A car of any content.
    #[must_use]
    pub fn random(random: &mut Random) -> Self {
        let block = car::Car {
            serial_number: random.value(),
            model_year: random.value(),
            available: BooleanType(random.value()),
            code: Model(random.value()),
            some_numbers: [random.value(), random.value(), random.value(), random.value()],
            vehicle_code: random.value(),
            extras: OptionalExtras(random.value()),
            engine: Engine {
                capacity: random.value(),
                num_cylinders: random.value(),
                manufacturer_code: random.value(),
                efficiency: random.value(),
                booster_enabled: BooleanType(random.value()),
                booster: Booster {
                    booster_type: BoosterType(random.value()),
                    horse_power: random.value(),
                },
            },
            ..car::Car::default()
        };
        let acceleration = |random: &mut Random| CarPerformanceFiguresAcceleration {
            mph: random.value(),
            seconds: ratio(random),
        };
        Self {
            block,
            fuel_figures: several(random, 5, |random| {
                (random.value(), ratio(random), bytes(random, 40))
            }),
            performance_figures: several(random, 4, |random| {
                (random.value(), several(random, 4, acceleration))
            }),
            data: [bytes(random, 300), bytes(random, 20), bytes(random, 254)],
        }
    }

    /// Its bytes by us.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let fuel: Vec<_> = (self.fuel_figures.iter())
            .map(|(speed, mpg, text)| CarFuelFigures {
                speed: *speed,
                mpg: *mpg,
                usage_description: text,
            })
            .collect();
        let performance: Vec<_> = (self.performance_figures.iter())
            .map(|(octane_rating, acceleration)| CarPerformanceFigures {
                octane_rating: *octane_rating,
                acceleration,
            })
            .collect();
        let [manufacturer, model, activation_code] = &self.data;
        let car = car::Car {
            fuel_figures: &fuel,
            performance_figures: &performance,
            manufacturer,
            model,
            activation_code,
            ..self.block
        };
        let mut buffer = vec![0xaa; car.encoded_length().expect("short parts")];
        assert_eq!(car.encode(&mut buffer), Ok(buffer.len()));
        buffer
    }

    /// What we read.
    ///
    /// # Errors
    /// The bytes are no car.
    pub fn read(message: &[u8]) -> Result<Self, DecodeError> {
        let reader = CarReader::new(message)?;
        let block = car::Car {
            serial_number: reader.serial_number(),
            model_year: reader.model_year(),
            available: reader.available(),
            code: reader.code(),
            some_numbers: reader.some_numbers(),
            vehicle_code: reader.vehicle_code(),
            extras: reader.extras(),
            engine: reader.engine(),
            ..car::Car::default()
        };
        let fuel_figures = (reader.fuel_figures())
            .map(|entry| (entry.speed(), entry.mpg(), entry.usage_description().to_vec()))
            .collect();
        let performance_figures = (reader.performance_figures())
            .map(|entry| {
                let acceleration = entry.acceleration().map(|inner| {
                    CarPerformanceFiguresAcceleration { mph: inner.mph(), seconds: inner.seconds() }
                });
                (entry.octane_rating(), acceleration.collect())
            })
            .collect();
        let data = [reader.manufacturer(), reader.model(), reader.activation_code()];
        Ok(Self { block, fuel_figures, performance_figures, data: data.map(<[u8]>::to_vec) })
    }

    /// Its bytes by `sbe_gen`; the schema id in them is 0, a fault of its.
    ///
    /// # Panics
    /// A part is too long.
    #[must_use]
    pub fn encode_theirs(&self) -> Vec<u8> {
        let (block, engine) = (&self.block, &self.block.engine);
        let mut builder = theirs::car::CarBuilder::new();
        builder.serial_number(block.serial_number.into()).model_year(block.model_year.into());
        builder.available(theirs::types::BooleanType(block.available.0));
        builder.code(theirs::types::Model(block.code.0));
        builder.some_numbers(block.some_numbers.map(Into::into)).vehicle_code(block.vehicle_code);
        builder.extras(theirs::types::OptionalExtras(block.extras.0));
        builder.engine(theirs::types::Engine {
            capacity: engine.capacity.into(),
            num_cylinders: engine.num_cylinders,
            manufacturer_code: engine.manufacturer_code,
            efficiency: engine.efficiency,
            booster_enabled: theirs::types::BooleanType(engine.booster_enabled.0),
            booster: theirs::types::Booster {
                booster_type: theirs::types::BoosterType(engine.booster.booster_type.0),
                horse_power: engine.booster.horse_power,
            },
        });
        let fuel = builder.fuel_figures(|group| {
            for (speed, mpg, text) in &self.fuel_figures {
                group.entry(|entry| {
                    entry.speed((*speed).into()).mpg((*mpg).into());
                    entry.usage_description(text).expect("short text");
                });
            }
        });
        assert!(fuel.is_ok());
        let performance = builder.performance_figures(|group| {
            for (octane_rating, acceleration) in &self.performance_figures {
                group.entry(|entry| {
                    let inner = entry.octane_rating(*octane_rating).acceleration(|group| {
                        for value in acceleration {
                            group.entry(|entry| {
                                entry.mph(value.mph.into()).seconds(value.seconds.into());
                            });
                        }
                    });
                    assert!(inner.is_ok());
                });
            }
        });
        assert!(performance.is_ok());
        let [manufacturer, model, activation_code] = &self.data;
        builder.manufacturer(manufacturer).expect("short");
        builder.model(model).expect("short");
        builder.activation_code(activation_code).expect("short");
        builder.finish_with_header()
    }

    /// The parts that `sbe_gen` reads, and how many bytes it leaves; the fields are this one's.
    #[must_use]
    pub fn read_theirs(&self, message: &[u8]) -> Option<(Self, usize)> {
        let (header, body) = theirs::message_header::MessageHeader::parse_prefix(message)?;
        let (view, rest) = theirs::car::parse_with_header(body, header)?;
        let group = theirs::car::parse_fuel_figures(rest)?;
        let mut entries = group.iter();
        let mut fuel_figures = Vec::new();
        for entry in entries.by_ref() {
            let text = entry.usage_description.bytes.to_vec();
            fuel_figures.push((entry.speed()?.get(), entry.mpg()?.get(), text));
        }
        let group = theirs::car::parse_performance_figures(entries.remainder())?;
        let mut entries = group.iter();
        let mut performance_figures = Vec::new();
        for entry in entries.by_ref() {
            let mut inner = Vec::new();
            for value in entry.acceleration.iter() {
                let (mph, seconds) = (value.mph()?.get(), value.seconds()?.get());
                inner.push(CarPerformanceFiguresAcceleration { mph, seconds });
            }
            performance_figures.push((*entry.octane_rating()?, inner));
        }
        let (manufacturer, rest) = view.parse_manufacturer(entries.remainder())?;
        let (model, rest) = view.parse_model(rest)?;
        let (activation_code, rest) = view.parse_activation_code(rest)?;
        let data = [manufacturer, model, activation_code].map(|data| data.bytes.to_vec());
        let block = car::Car { serial_number: view.serial_number_value()?, ..self.block };
        Some((Self { block, fuel_figures, performance_figures, data }, rest.len()))
    }
}
