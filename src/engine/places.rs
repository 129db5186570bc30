//! Places on the earth: in one whole number, and how far apart two of them are.

use crate::event::{Event, ExtraValue};
use crate::rules::DegreeField;

/// The mean radius of the earth, kilometres.
const RADIUS_KM: f64 = 6371.0088;
/// Places are kept to a millionth of a degree, a tenth of a metre.
const PARTS: f64 = 1e6;
/// What is added to micro-degrees of latitude and of longitude, so that none is negative.
const LATITUDE_MOST: i64 = 90_000_000;
const LONGITUDE_MOST: i64 = 180_000_000;
const LONGITUDE_BITS: u32 = 32;

/// The place that an event says, latitude above longitude; `None` where it says none on the earth.
pub(super) fn place(event: &Event, latitude: DegreeField, longitude: DegreeField) -> Option<i64> {
    let latitude = micro_degrees(event, latitude, LATITUDE_MOST)?;
    let longitude = micro_degrees(event, longitude, LONGITUDE_MOST)?;
    Some((latitude + LATITUDE_MOST) << LONGITUDE_BITS | (longitude + LONGITUDE_MOST))
}

fn micro_degrees(event: &Event, field: DegreeField, most: i64) -> Option<i64> {
    let degrees = match field {
        DegreeField::Latitude => event.latitude_longitude()?.0,
        DegreeField::Longitude => event.latitude_longitude()?.1,
        DegreeField::Extra(position) => match event.extra(position)? {
            ExtraValue::Decimal(degrees) => degrees,
            _ => return None,
        },
    };
    let parts = libm::round(degrees * PARTS);
    (parts.abs() <= most as f64).then_some(parts as i64)
}

/// Latitude and longitude of a place, in radians.
fn radians(place: i64) -> (f64, f64) {
    let latitude = (place >> LONGITUDE_BITS) - LATITUDE_MOST;
    let longitude = (place & ((1 << LONGITUDE_BITS) - 1)) - LONGITUDE_MOST;
    let of = |parts: i64| (parts as f64 / PARTS).to_radians();
    (of(latitude), of(longitude))
}

/// Kilometres along a great circle, by the haversine formula.
pub(super) fn distance_km(from: i64, to: i64) -> f64 {
    let ((north, east), (to_north, to_east)) = (radians(from), radians(to));
    let half_sine = |angle: f64| libm::sin(angle / 2.0);
    let (up, across) = (half_sine(to_north - north), half_sine(to_east - east));
    let haversine = up * up + libm::cos(north) * libm::cos(to_north) * across * across;
    2.0 * RADIUS_KM * libm::asin(libm::sqrt(haversine.min(1.0)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{Draft, EventError, Kind, Schema};

    fn at(latitude: f64, longitude: f64) -> Result<i64, EventError> {
        let mut draft = Draft::new(Arc::new(Schema::default()));
        draft.begin(Kind::Transaction, 0)?;
        draft.location(latitude, longitude)?;
        draft.text(crate::event::TextField::Id, "t")?;
        draft.amount(1, crate::money::Currency::VND)?;
        let place = place(draft.seal()?, DegreeField::Latitude, DegreeField::Longitude);
        Ok(place.unwrap_or_default())
    }

    /// By the angle between two vectors, which no half-angle formula is used for.
    fn by_vectors(from: (f64, f64), to: (f64, f64)) -> f64 {
        let vector = |(latitude, longitude): (f64, f64)| {
            let (north, east) = (latitude.to_radians(), longitude.to_radians());
            [north.cos() * east.cos(), north.cos() * east.sin(), north.sin()]
        };
        let ([a, b, c], [x, y, z]) = (vector(from), vector(to));
        let cross = [b * z - c * y, c * x - a * z, a * y - b * x];
        let sine = cross.iter().map(|part| part * part).sum::<f64>().sqrt();
        RADIUS_KM * sine.atan2(a * x + b * y + c * z)
    }

    #[test]
    fn distances_are_those_of_great_circles() -> Result<(), EventError> {
        let (hanoi, saigon) = ((21.0278, 105.8342), (10.8231, 106.6297));
        let cases = [
            (hanoi, saigon, 1_138.0),
            (hanoi, hanoi, 0.0),
            ((0.0, 179.9), (0.0, -179.9), 22.2),
            ((90.0, 0.0), (-90.0, 0.0), 20_015.1),
            ((0.0, 0.0), (0.0, 180.0), 20_015.1),
            ((48.8566, 2.3522), (40.7128, -74.0060), 5_837.2),
        ];
        for (from, to, known) in cases {
            let (a, b) = (at(from.0, from.1)?, at(to.0, to.1)?);
            let found = distance_km(a, b);
            assert!((found - known).abs() < 0.5, "{from:?} to {to:?}: {found} km, known {known}");
            assert!((found - by_vectors(from, to)).abs() < 1e-3, "{from:?} to {to:?}: {found} km");
            assert_eq!(found.to_bits(), distance_km(b, a).to_bits());
        }
        Ok(())
    }
}
