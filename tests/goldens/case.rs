//! Records of `cases.json`, and the tensors that they point at.

use std::path::PathBuf;
use std::sync::LazyLock;

use safetensors::SafeTensors;
use samp_runtime::analytic::Analytic;
use serde::Deserialize;

/// How many elements a sample of a golden has.
pub const ELEMENTS: usize = 256;

/// The runs of one reference sampler: a file of `cases/`.
#[derive(Deserialize)]
pub struct Reference {
    pub project: String,
    #[serde(rename = "reference")]
    pub name: String,
    #[serde(rename = "cases")]
    pub records: Vec<Record>,
}

/// One reference run, and what becomes of it.
#[derive(Deserialize)]
pub struct Record {
    pub id: String,
    #[serde(flatten)]
    pub fate: Fate,
}

/// Whether the library follows a reference run.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Fate {
    Compared(Box<Case>),
    LeftOut { left_out: String },
}

/// A run of the library that must reproduce a reference run.
#[derive(Deserialize)]
pub struct Case {
    pub sampler: String,
    pub schedule: String,
    pub guidance: Option<String>,
    pub coordinate: Coordinate,
    pub levels: Vec<Level>,
    /// Whether the run finds its own steps between the first and the last of `levels`.
    #[serde(default)]
    pub adaptive: bool,
    pub denoiser: Denoiser,
    pub scale: f64,
    pub noise: Option<Vec<usize>>,
    pub rows: Vec<(usize, usize)>,
    #[serde(rename = "final")]
    pub has_final: bool,
    pub tolerance: f64,
    pub f32: Option<f64>,
    pub partial: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coordinate {
    Time,
    Rho,
    Sigma,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub enum Level {
    At(f64),
    Named(NamedLevel),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamedLevel {
    Clean,
    Pure,
}

/// What answers the calls of the model.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Denoiser {
    Gauss,
    Gmm,
    /// `gmm` on the branch `cond`, another normal law on `uncond`.
    Cfg,
    /// A factor of the sample for each level, which is given by sigma / (alpha + sigma).
    Linear(Vec<(f64, f64)>),
    /// Another denoiser, and for each level, given so, the factors of the sample and of its prediction.
    Boundary(Box<Denoiser>, Vec<(f64, f64, f64)>),
}

impl Denoiser {
    /// The prediction of the data from one element of a sample.
    pub fn denoised(&self, x: f64, alpha: f64, sigma: f64, branch: &str) -> f64 {
        let at = sigma / (alpha + sigma);
        let same = |level: f64| (level - at).abs() <= 1e-9 * at;
        match self {
            Denoiser::Gauss => GAUSS.denoised(x, alpha, sigma),
            Denoiser::Cfg if branch == "uncond" => UNCOND.denoised(x, alpha, sigma),
            Denoiser::Gmm | Denoiser::Cfg => GMM.denoised(x, alpha, sigma),
            Denoiser::Linear(factors) => {
                let known = factors.iter().find(|(level, _)| same(*level));
                known.map_or(f64::NAN, |(_, factor)| factor * x)
            }
            Denoiser::Boundary(law, factors) => {
                let known = factors.iter().find(|(level, ..)| same(*level));
                known.map_or(f64::NAN, |(_, skip, out)| skip * x + out * law.denoised(x, alpha, sigma, branch))
            }
        }
    }
}

const GAUSS: Analytic = Analytic::Gauss { mean: 0.5, std: 0.5 };
const UNCOND: Analytic = Analytic::Gauss { mean: -0.2, std: 0.8 };
static GMM: LazyLock<Analytic> =
    LazyLock::new(|| Analytic::parse("gmm:0.3,-1,0.2;0.5,0.25,0.3;0.2,1.5,0.15").expect("a law as it is read"));

impl Case {
    /// The name of the sampler, without its options.
    pub fn sampler_name(&self) -> &str {
        self.sampler.split('(').next().unwrap_or(&self.sampler)
    }

    /// Whether a level has no data: there, noise says nothing of the data, and x / alpha is not a number.
    pub fn reaches_pure(&self) -> bool {
        let is_pure = |level: &Level| match (self.coordinate, *level) {
            (_, Level::Named(NamedLevel::Pure)) => true,
            (Coordinate::Sigma, Level::At(sigma)) => sigma == 1.0,
            (_, Level::Named(NamedLevel::Clean)) | (Coordinate::Time | Coordinate::Rho, Level::At(_)) => false,
        };
        self.levels.iter().any(is_pure)
    }

    /// What is compiled: cases with the same text share it.
    pub fn program(&self) -> String {
        format!("{} {} {:?} {:?} {:?}", self.schedule, self.sampler, self.guidance, self.coordinate, self.levels)
    }

    /// The first sample.
    pub fn start(&self) -> Vec<f64> {
        let base = |i: f64| (0.7 * i).sin() + 0.3 * (2.1 * i).cos();
        (0..ELEMENTS).map(|i| self.scale * base(i as f64)).collect()
    }

    /// The tensor that the run's draw `index` reads: the reference's draw of that number, or zeros where its factor is 0.
    pub fn draw(&self, index: usize) -> Vec<f64> {
        let Some(&number) = self.noise.as_ref().and_then(|noise| noise.get(index)) else { return vec![0.0; ELEMENTS] };
        (0..ELEMENTS).map(|i| 1.2 * (1.3 * ((i + 1) * (number + 1)) as f64).sin()).collect()
    }
}

/// Everything in the folder of the goldens.
pub struct Goldens {
    pub references: Vec<Reference>,
    tensors: Vec<Vec<u8>>,
}

/// A case that is compared, with its id and the number of its reference.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    pub reference: usize,
    pub id: &'a str,
    pub case: &'a Case,
}

/// A file of this project.
pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

impl Goldens {
    /// Reads the folder.
    pub fn read() -> Goldens {
        let folder = path("tests/goldens");
        let files = std::fs::read_dir(folder.join("cases")).expect("the folder of cases is there");
        let mut files: Vec<PathBuf> = files.map(|file| file.expect("a file of the folder").path()).collect();
        files.sort();
        let read = |file: &PathBuf| {
            let text = std::fs::read_to_string(file).expect("a file of cases");
            let reference: Reference = serde_json::from_str(&text).expect("cases are as the README says");
            let name = format!("{}__{}.safetensors", reference.project, reference.name);
            (reference, std::fs::read(folder.join("data").join(name)).expect("the file of a golden is there"))
        };
        let (references, tensors) = files.iter().map(read).unzip();
        Goldens { references, tensors }
    }

    /// The cases that are compared, in order.
    pub fn cases(&self) -> Vec<Entry<'_>> {
        let compared = |(reference, record)| match record {
            &Record { ref id, fate: Fate::Compared(ref case) } => Some(Entry { reference, id, case }),
            Record { fate: Fate::LeftOut { .. }, .. } => None,
        };
        let numbered = self.references.iter().enumerate();
        numbered.flat_map(|(at, one)| one.records.iter().map(move |record| (at, record))).filter_map(compared).collect()
    }

    /// A tensor of a case, as rows of `width` elements.
    pub fn rows(&self, entry: Entry<'_>, key: &str, width: usize) -> Vec<Vec<f64>> {
        let tensors = SafeTensors::deserialize(&self.tensors[entry.reference]).expect("a golden is a safetensors file");
        let tensor = tensors.tensor(&format!("{}/{key}", entry.id)).expect("a case has its tensors");
        let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        let values: Vec<f64> = tensor.data().chunks_exact(8).map(number).collect();
        values.chunks_exact(width).map(<[f64]>::to_vec).collect()
    }
}
