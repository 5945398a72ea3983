//! Properties of the state kinds, against models.
